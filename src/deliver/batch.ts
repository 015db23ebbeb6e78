import type { DestinationConfig } from '../config/types.ts';
import { explain } from '../core/errors.ts';
import type { Lane } from '../core/event.ts';
import { printable } from '../core/text.ts';
import type { DeadLetter, Position } from '../journal/delivery.ts';
import { attributesOf } from '../otlp/decode.ts';
import type { FeedParts } from '../otlp/request-format.ts';
import type { RequestMaker, RequestRecord, RequestSize } from '../otlp/request.ts';
import { eventTimeOf, idOf, type RecordPage, requireId } from './record-page.ts';

/** One record of a batch, with all that is needed to send it, to acknowledge it, or to make it a dead letter. */
export interface BatchEntry extends RequestRecord {
  /** The source's name. */
  readonly source: string;
  readonly lane: Lane;
  readonly position: Position;
  /** The event's own time, epoch milliseconds. */
  readonly at: number;
  /** What it adds to a request, in bytes before compression. */
  readonly size: number;
  /** Why it must not be sent, so that it becomes a dead letter; undefined when it may. */
  readonly unfit: string | undefined;
  /** The LogRecord as it is stored. */
  readonly stored: Uint8Array;
  readonly page: RecordPage;
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
  readonly read: (position: Position) => Promise<RecordPage | undefined>;
  readonly destination: Pick<DestinationConfig, 'sources' | 'tenants' | 'maxRequestBytes' | 'maxEventAge'>;
  readonly requests: RequestMaker;
  /** `data_stream.namespace` of a stored record, by its source's name; undefined: `default`. */
  readonly namespaceOf: (source: string, stored: Uint8Array) => string | undefined;
}

/** Cuts the journal into batches for one destination, by the exact bytes of the request before compression. */
export class Batcher {
  readonly #settings: BatcherSettings;
  /** The page that was read last: a large one is cut into several batches, and read once. */
  #page: RecordPage | undefined;

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

  async #read(position: Position): Promise<RecordPage | undefined> {
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
  readonly #size: RequestSize;

  constructor(settings: BatcherSettings, now: number) {
    this.#settings = settings;
    this.#now = now;
    this.#size = settings.requests.emptySize();
  }

  /** Adds what fits of a page, from an offset on; returns the position of the first record that was not added. */
  add(page: RecordPage, from: number): Position {
    const { destination, requests } = this.#settings;
    const { sequence, dataset, lane, records } = page;
    const next = { sequence: sequence + 1, offset: 0 };
    if (!receivesSource(destination, page)) return next;
    const feed = requests.feed({ dataset, lane });
    for (let offset = from; offset < records.length; offset += 1) {
      const stored = records[offset];
      if (stored === undefined || !receivesTenant(destination, stored)) continue;
      const entry = makeEntry(this.#settings, { page, feed, stored, offset }, this.#now);
      if (!this.#addEntry(entry)) return entry.position;
    }
    return next;
  }

  #addEntry(entry: BatchEntry): boolean {
    const { feed, size, unfit } = entry;
    const { maxRequestBytes } = this.#settings.destination;
    const isTooLong = unfit === undefined && this.#size.with(feed, size) > maxRequestBytes;
    this.full = this.entries.length > 0 && (isTooLong || this.entries.length >= MOST_RECORDS);
    if (this.full) return false;
    this.entries.push(entry);
    if (unfit === undefined) this.#size.add(feed, size);
    return true;
  }
}

interface RecordInPage {
  readonly page: RecordPage;
  readonly feed: FeedParts;
  readonly stored: Uint8Array;
  readonly offset: number;
}

function makeEntry(
  settings: BatcherSettings,
  { page, feed, stored, offset }: RecordInPage,
  now: number,
): BatchEntry {
  const { destination, requests } = settings;
  const { source, lane, sequence } = page;
  const { bytes, unreadable } = shaped(settings, page, { stored, offset });
  const size = requests.sizeOf(bytes);
  const at = eventTimeOf(page, stored);
  const alone = requests.sizeAlone(feed, size);
  return {
    feed,
    bytes,
    source,
    lane,
    position: { sequence, offset },
    at,
    size,
    unfit:
      unreadable ?? tooOld(at, now, destination.maxEventAge) ?? tooLarge(alone, destination.maxRequestBytes),
    stored,
    page,
  };
}

/**
 * A stored record as the destination gets it, or why there is no such thing: its bytes were damaged in the state, or the
 * profile cannot express it. One record like that must not hold up all others.
 */
function shaped(
  { requests, namespaceOf }: BatcherSettings,
  { source, dataset, damaged }: RecordPage,
  { stored, offset }: { readonly stored: Uint8Array; readonly offset: number },
): { readonly bytes: Uint8Array; readonly unreadable?: string } {
  const nothing = new Uint8Array();
  if (damaged?.offset === offset) return { bytes: nothing, unreadable: damaged.reason };
  try {
    // The profile `attributes` reads nothing of a record: what has no id in its place is not sent.
    requireId(stored);
    const bytes = requests.record(stored, () => ({
      dataset,
      namespace: namespaceOf(source, stored) ?? 'default',
    }));
    return { bytes };
  } catch (error) {
    return {
      bytes: nothing,
      unreadable: `the stored record cannot be read or shaped: ${printable(explain(error))}`,
    };
  }
}

/** Why an event is not sent any more; undefined while it may be. Times are epoch milliseconds. */
export function tooOld(at: number, now: number, maxEventAge: number | undefined): string | undefined {
  if (maxEventAge === undefined || now - at <= maxEventAge) return undefined;
  return `older than max_event_age: ${Math.round((now - at) / 1000)} s old, at most ${maxEventAge / 1000} s`;
}

function tooLarge(alone: number, maxRequestBytes: number): string | undefined {
  if (alone <= maxRequestBytes) return undefined;
  return `larger than max_request_bytes: ${alone} bytes alone, at most ${maxRequestBytes}`;
}

/** Whether a destination receives anything of a page. */
export function receivesSource(
  { sources }: Pick<DestinationConfig, 'sources'>,
  { source }: Pick<RecordPage, 'source'>,
): boolean {
  return sources === undefined || sources.includes(source);
}

const TENANT_FIELDS = ['organization.id', 'cloud.account.id', 'penstock.gap.part'] as const;

/**
 * Whether a destination that names tenants receives a record, by the tenant in it (Petra's or Microsoft's id, or the
 * part of a gap). It receives records without a tenant, so that none is lost where every destination names tenants: also
 * a `pipeline_error` from which the mapping cannot tell whose record it is.
 */
export function receivesTenant({ tenants }: Pick<DestinationConfig, 'tenants'>, stored: Uint8Array): boolean {
  if (tenants === undefined) return true;
  const own = tenantsOf(stored);
  return own.length === 0 || own.some((id) => tenants.includes(String(id)));
}

/** None of a record that cannot be read. */
function tenantsOf(stored: Uint8Array): readonly unknown[] {
  try {
    return Object.values(attributesOf(stored, TENANT_FIELDS)).filter(
      (id) => typeof id === 'string' && id !== '',
    );
  } catch {
    return [];
  }
}

/**
 * The bytes of a request by the source of its records, before compression. What the request holds once for each feed
 * counts for the source of its first record.
 */
export function bytesBySource(
  entries: readonly BatchEntry[],
  requests: RequestMaker,
): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  const request = requests.emptySize();
  for (const { source, feed, size } of entries) {
    bytes.set(source, (bytes.get(source) ?? 0) + request.add(feed, size));
  }
  return bytes;
}

/** The dead letter of an entry: the record as it is stored, and why it is not delivered. `now`: epoch ms. */
export function deadLetterOf(
  { page, stored }: BatchEntry,
  status: number | undefined,
  reason: string,
  now: number,
): DeadLetter {
  const { stream, dataset, lane, observedAt } = page;
  const uid = idOf(page, stored);
  return { stream, dataset, lane, observedAt, uid, record: stored, status, reason, at: now };
}
