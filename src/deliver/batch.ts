import type { DestinationConfig } from '../config/types.ts';
import type { EcsEvent, JournaledEvent } from '../core/event.ts';
import type { Journal, JournalPage, Position } from '../journal/journal.ts';
import { ageReason, sizeReason } from './condemn.ts';
import type { Feed, FeedRecord, Providers } from '../otlp/providers.ts';
import { datasetOf, type Shaping, toLogRecord } from '../otlp/records.ts';
import { type Encoding, recordSize } from '../otlp/sizes.ts';

/** One event on its way, with all that is needed to send it, pass it, or lay it aside. */
export interface Item extends FeedRecord {
  readonly journaled: JournaledEvent;
  readonly page: JournalPage;
  /** Where it is in the journal. */
  readonly position: Position;
  /** The event's own time, epoch milliseconds. */
  readonly at: number;
  /** What its record adds to a request, in the encoding sent, before compression: exact, or a few more. */
  readonly bytes: number;
  /** Why it must not be sent at all: it goes to the dead letters. */
  readonly unfit: string | undefined;
}

/** Contiguous events of the journal, less those that the destination does not take. */
export interface Batch {
  readonly items: readonly Item[];
  /** Where the next batch begins. */
  readonly end: Position;
}

/** A request is not made larger than this, however small its records are. */
const MOST_RECORDS = 5_000;

/** How many pages are passed over before the position is committed, where nothing of them is taken. */
const MOST_PAGES = 200;

type Selection = Pick<
  DestinationConfig,
  'sources' | 'tenants' | 'maxRequestBytes' | 'maxEventAge' | 'protocol'
>;

export interface BatcherSettings {
  readonly journal: Pick<Journal, 'read'>;
  readonly destination: Selection;
  readonly shaping: Shaping;
  readonly providers: Providers;
}

/** Cuts the journal into batches for one destination: by the bytes of the encoding sent, before compression. */
export class Batcher {
  readonly #settings: BatcherSettings;
  /** The page read last: a large one is cut into several batches, and unpacked once. */
  #page: JournalPage | undefined;

  constructor(settings: BatcherSettings) {
    this.#settings = settings;
  }

  /** The events from `from` on that fit into one request; undefined when the journal ends there. */
  async next(from: Position, now: number): Promise<Batch | undefined> {
    const filling = new Filling(this.#settings, now);
    let position = from;
    for (let pages = 0; pages < MOST_PAGES && !filling.full; pages += 1) {
      const page = await this.#read(position);
      if (page === undefined) return pages === 0 ? undefined : { items: filling.items, end: position };
      position = filling.take(page, page.sequence === position.sequence ? position.offset : 0);
    }
    return { items: filling.items, end: position };
  }

  async #read(position: Position): Promise<JournalPage | undefined> {
    if (this.#page?.sequence === position.sequence) return this.#page;
    this.#page = await this.#settings.journal.read(position);
    return this.#page;
  }
}

/** A batch being filled. */
class Filling {
  readonly items: Item[] = [];
  full = false;
  readonly #settings: BatcherSettings;
  readonly #now: number;
  readonly #feeds = new Set<string>();
  #bytes = 0;

  constructor(settings: BatcherSettings, now: number) {
    this.#settings = settings;
    this.#now = now;
  }

  /** Takes what fits of a page, from an offset on; returns the position of the first event that it did not take. */
  take(page: JournalPage, from: number): Position {
    const { destination } = this.#settings;
    const next = { sequence: page.sequence + 1, offset: 0 };
    if (!takesSource(destination, page)) return next;
    for (let offset = from; offset < page.events.length; offset += 1) {
      const journaled = page.events[offset];
      if (journaled === undefined || !takesTenant(destination, journaled.event)) continue;
      if (!this.#add(makeItem(this.#settings, { page, journaled, offset }, this.#now))) {
        return { sequence: page.sequence, offset };
      }
    }
    return next;
  }

  #add(item: Item): boolean {
    const bytes = item.unfit === undefined ? this.#bytesOf(item) : 0;
    this.full =
      this.items.length >= MOST_RECORDS || this.#bytes + bytes > this.#settings.destination.maxRequestBytes;
    if (this.full && this.items.length > 0) return false;
    this.full = false;
    this.items.push(item);
    this.#feeds.add(feedKey(item));
    this.#bytes += bytes;
    return true;
  }

  #bytesOf(item: Item): number {
    const { providers, destination } = this.#settings;
    const overhead = this.#feeds.has(feedKey(item)) ? 0 : providers.overhead(item, destination.protocol);
    return overhead + item.bytes;
  }
}

interface Place {
  readonly page: JournalPage;
  readonly journaled: JournaledEvent;
  readonly offset: number;
}

function makeItem(settings: BatcherSettings, { page, journaled, offset }: Place, now: number): Item {
  const feed: Feed = { dataset: datasetOf(journaled.event, page), lane: page.lane };
  const record = toLogRecord(journaled, page, settings.shaping);
  const at = timeOf(journaled, page);
  const { maxEventAge, maxRequestBytes, protocol } = settings.destination;
  const bytes = recordSize(record, protocol);
  const unfit =
    ageReason(at, now, maxEventAge) ??
    oversize({ ...feed, record, bytes }, settings.providers, maxRequestBytes, protocol);
  return {
    ...feed,
    record,
    journaled,
    page,
    position: { sequence: page.sequence, offset },
    at,
    bytes,
    unfit,
  };
}

function oversize(
  parcel: FeedRecord & Pick<Item, 'bytes'>,
  providers: Providers,
  most: number,
  encoding: Encoding,
): string | undefined {
  const bound = providers.overhead(parcel, encoding) + parcel.bytes;
  if (bound <= most) return undefined;
  const exact = providers.exactSize([parcel], encoding);
  return exact > most ? sizeReason(exact, most) : undefined;
}

/** When an event was, by its own time; epoch milliseconds. */
export function timeOf({ event }: JournaledEvent, page: Pick<JournalPage, 'observedAt'>): number {
  const parsed = Date.parse(String(event['@timestamp']));
  return Number.isNaN(parsed) ? page.observedAt : parsed;
}

/** Whether a destination takes anything of a page. */
export function takesSource(
  { sources }: Pick<DestinationConfig, 'sources'>,
  { source }: Pick<JournalPage, 'source'>,
): boolean {
  return sources === undefined || sources.includes(source);
}

/**
 * Whether a destination that names tenants takes an event: by the tenant that it carries (Petra's or Microsoft's id,
 * or the part of a gap). An event of no tenant is taken: nobody else's data is in it.
 */
export function takesTenant({ tenants }: Pick<DestinationConfig, 'tenants'>, event: EcsEvent): boolean {
  if (tenants === undefined) return true;
  const own = ['organization.id', 'cloud.account.id', 'penstock.gap.part']
    .map((name) => event[name])
    .filter((id) => typeof id === 'string' && id !== '');
  return own.length === 0 || own.some((id) => tenants.includes(String(id)));
}

function feedKey({ dataset, lane }: Feed): string {
  return `${lane} ${dataset}`;
}
