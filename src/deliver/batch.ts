import type { DestinationConfig } from '../config/types.ts';
import type { EcsEvent, JournaledEvent } from '../core/event.ts';
import type { DeadLetter, JournalPage, Position } from '../journal/delivery.ts';
import { type Feed, type FeedRecord, feedKey, type Providers } from '../otlp/providers.ts';
import { datasetOf, type Shaping, toLogRecord } from '../otlp/records.ts';
import { type Encoding, recordSize } from '../otlp/sizes.ts';
import type { EventPage } from './event-page.ts';

/** One record of a batch, with all that is needed to send it, to acknowledge it, or to make it a dead letter. */
export interface BatchEntry extends FeedRecord {
  readonly uid: string;
  /** The source's name. */
  readonly source: string;
  readonly position: Position;
  /** The event's own time, epoch milliseconds. */
  readonly at: number;
  /** What it adds to a request, in the encoding sent, before compression: exact, or a few bytes more. */
  readonly bytes: number;
  /** Why it must not be sent, so that it becomes a dead letter; undefined when it may. */
  readonly unfit: string | undefined;
  readonly page: EventPage;
}

/** Consecutive records of the journal that fit into one request, without those that the destination does not receive. */
export interface Batch {
  readonly entries: readonly BatchEntry[];
  /** Where the next batch begins. */
  readonly end: Position;
}

/** No request has more records, however small they are. */
const MOST_RECORDS = 5_000;

/** Pages that are skipped before the position is committed, where the destination receives none of their events. */
const MOST_PAGES = 200;

export interface BatcherSettings {
  readonly read: (position: Position) => Promise<EventPage | undefined>;
  readonly destination: Pick<
    DestinationConfig,
    'sources' | 'tenants' | 'maxRequestBytes' | 'maxEventAge' | 'protocol'
  >;
  readonly shaping: Shaping;
  readonly providers: Providers;
}

/** Cuts the journal into batches for one destination, by the bytes of the encoding sent before compression. */
export class Batcher {
  readonly #settings: BatcherSettings;
  /** The page that was read last: a large one is cut into several batches, and decoded once. */
  #page: EventPage | undefined;

  constructor(settings: BatcherSettings) {
    this.#settings = settings;
  }

  /** The records from `from` on that fit into one request; undefined when the journal ends there. `now`: epoch ms. */
  async next(from: Position, now: number): Promise<Batch | undefined> {
    const filling = new FillingBatch(this.#settings, now);
    let position = from;
    for (let pages = 0; pages < MOST_PAGES && !filling.full; pages += 1) {
      const page = await this.#read(position);
      if (page === undefined) return pages === 0 ? undefined : { entries: filling.entries, end: position };
      position = filling.add(page, page.sequence === position.sequence ? position.offset : 0);
    }
    return { entries: filling.entries, end: position };
  }

  async #read(position: Position): Promise<EventPage | undefined> {
    if (this.#page?.sequence === position.sequence) return this.#page;
    this.#page = await this.#settings.read(position);
    return this.#page;
  }
}

class FillingBatch {
  readonly entries: BatchEntry[] = [];
  full = false;
  readonly #settings: BatcherSettings;
  readonly #now: number;
  readonly #feeds = new Set<string>();
  #bytes = 0;

  constructor(settings: BatcherSettings, now: number) {
    this.#settings = settings;
    this.#now = now;
  }

  /** Adds what fits of a page, from an offset on; returns the position of the first event that was not added. */
  add(page: EventPage, from: number): Position {
    const { destination } = this.#settings;
    const next = { sequence: page.sequence + 1, offset: 0 };
    if (!receivesSource(destination, page)) return next;
    for (let offset = from; offset < page.events.length; offset += 1) {
      const journaled = page.events[offset];
      if (journaled === undefined || !receivesTenant(destination, journaled.event)) continue;
      if (!this.#addEntry(makeEntry(this.#settings, { page, journaled, offset }, this.#now))) {
        return { sequence: page.sequence, offset };
      }
    }
    return next;
  }

  #addEntry(entry: BatchEntry): boolean {
    const bytes = entry.unfit === undefined ? this.#bytesOf(entry) : 0;
    const { maxRequestBytes } = this.#settings.destination;
    this.full = this.entries.length >= MOST_RECORDS || this.#bytes + bytes > maxRequestBytes;
    if (this.full && this.entries.length > 0) return false;
    this.full = false;
    this.entries.push(entry);
    this.#feeds.add(feedKey(entry));
    this.#bytes += bytes;
    return true;
  }

  #bytesOf(entry: BatchEntry): number {
    const { providers, destination } = this.#settings;
    const overhead = this.#feeds.has(feedKey(entry)) ? 0 : providers.overhead(entry, destination.protocol);
    return overhead + entry.bytes;
  }
}

interface EventInPage {
  readonly page: EventPage;
  readonly journaled: JournaledEvent;
  readonly offset: number;
}

function makeEntry(
  settings: BatcherSettings,
  { page, journaled, offset }: EventInPage,
  now: number,
): BatchEntry {
  const feed: Feed = { dataset: datasetOf(journaled.event, page), lane: page.lane };
  const record = toLogRecord(journaled, page, settings.shaping);
  const at = timeOf(journaled, page);
  const { maxEventAge, protocol } = settings.destination;
  const bytes = recordSize(record, protocol);
  return {
    ...feed,
    record,
    uid: journaled.uid,
    source: page.source,
    position: { sequence: page.sequence, offset },
    at,
    bytes,
    unfit: tooOld(at, now, maxEventAge) ?? tooLarge({ ...feed, record, bytes }, settings),
    page,
  };
}

/** Why an event is not sent any more; undefined while it may be. Times are epoch milliseconds. */
export function tooOld(at: number, now: number, maxEventAge: number | undefined): string | undefined {
  if (maxEventAge === undefined || now - at <= maxEventAge) return undefined;
  return `older than max_event_age: ${Math.round((now - at) / 1000)} s old, at most ${maxEventAge / 1000} s`;
}

function tooLarge(
  entry: Pick<BatchEntry, keyof FeedRecord | 'bytes'>,
  { providers, destination: { maxRequestBytes, protocol } }: BatcherSettings,
): string | undefined {
  if (providers.overhead(entry, protocol) + entry.bytes <= maxRequestBytes) return undefined;
  const exact = providers.exactSize([entry], protocol);
  if (exact <= maxRequestBytes) return undefined;
  return `larger than max_request_bytes: ${exact} bytes alone, at most ${maxRequestBytes}`;
}

/** When an event happened, by its own time; epoch milliseconds. */
export function timeOf({ event }: JournaledEvent, page: Pick<JournalPage, 'observedAt'>): number {
  const parsed = Date.parse(String(event['@timestamp']));
  return Number.isNaN(parsed) ? page.observedAt : parsed;
}

/** Whether a destination receives anything of a page. */
export function receivesSource(
  { sources }: Pick<DestinationConfig, 'sources'>,
  { source }: Pick<JournalPage, 'source'>,
): boolean {
  return sources === undefined || sources.includes(source);
}

/**
 * Whether a destination that names tenants receives an event, by the tenant in it (Petra's or Microsoft's id, or the
 * part of a gap). It receives events without a tenant: they hold nobody else's data.
 */
export function receivesTenant({ tenants }: Pick<DestinationConfig, 'tenants'>, event: EcsEvent): boolean {
  if (tenants === undefined) return true;
  const own = ['organization.id', 'cloud.account.id', 'penstock.gap.part']
    .map((name) => event[name])
    .filter((id) => typeof id === 'string' && id !== '');
  return own.length === 0 || own.some((id) => tenants.includes(String(id)));
}

/**
 * The bytes of a request by the source of its events, in the encoding sent, before compression: exact, or a few more. The
 * Resource and scope of a feed count for the source of its first event.
 */
export function bytesBySource(
  entries: readonly BatchEntry[],
  providers: Providers,
  encoding: Encoding,
): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  const feeds = new Set<string>();
  for (const entry of entries) {
    const overhead = feeds.has(feedKey(entry)) ? 0 : providers.overhead(entry, encoding);
    feeds.add(feedKey(entry));
    bytes.set(entry.source, (bytes.get(entry.source) ?? 0) + overhead + entry.bytes);
  }
  return bytes;
}

/** The dead letter of an entry: the event, whole, and why it is not delivered. `now`: epoch ms. */
export function deadLetterOf(
  { uid, page, position }: BatchEntry,
  status: number | undefined,
  reason: string,
  now: number,
): DeadLetter {
  const { stream, dataset, lane, observedAt, records } = page;
  const record = records[position.offset];
  if (record === undefined) throw new RangeError(`page ${page.sequence} has no record ${position.offset}`);
  return { stream, dataset, lane, observedAt, uid, record, status, reason, at: now };
}
