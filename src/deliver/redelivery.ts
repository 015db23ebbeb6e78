import type { DestinationConfig } from '../config/types.ts';
import type { DeadLetterStore, HeldDeadLetter, Position } from '../journal/delivery.ts';
import type { Journal } from '../journal/journal.ts';
import { Batcher, type BatcherSettings } from './batch.ts';
import { type JournaledRecords, pageReader, type RecordPage } from './record-page.ts';
import { InFlightBatch, type Settled } from './in-flight-batch.ts';

/**
 * Records for a destination that its position has passed already: dead letters, or a replay. They are sent behind live
 * records and never block them: a record that is rejected alone stays rejected.
 */
export interface Redelivery {
  /** Which of these records are sent. */
  readonly selection: Pick<DestinationConfig, 'sources' | 'tenants'>;
  /** The first page at or after the position, undefined when there is none left. */
  read(position: Position): Promise<RecordPage | undefined>;
  /** Durable when it resolves. */
  settle(settled: Settled): Promise<void>;
}

/**
 * Sends dead letters again, read one by one; accepted ones are removed. `ids`: only these. All are sent, whatever the filters of the
 * destination are now.
 */
export async function redeliverDeadLetters(
  deadLetters: Pick<DeadLetterStore, 'ids' | 'get' | 'settle'>,
  destination: string,
  ids?: readonly number[],
): Promise<Redelivery> {
  const wanted = ids && new Set(ids);
  // Those of now: what becomes a dead letter meanwhile is not sent again.
  const waiting = (await deadLetters.ids(destination)).filter((id) => wanted?.has(id) !== false);
  let next = 0;
  return {
    selection: { sources: undefined, tenants: undefined },
    // Positions only grow.
    read: async ({ sequence }) => {
      for (; next < waiting.length; next += 1) {
        const id = waiting[next] ?? 0;
        const letter = id < sequence ? undefined : await deadLetters.get(id);
        if (letter !== undefined) return asPage(letter);
      }
      return undefined;
    },
    settle: ({ accepted, rejected }) =>
      deadLetters.settle(
        destination,
        accepted.map(({ position }) => position.sequence),
        rejected,
      ),
  };
}

/** A dead letter as a page of its own, with its id as the sequence number. */
function asPage({ id, source, stream, dataset, lane, observedAt, record }: HeldDeadLetter): RecordPage {
  return { sequence: id, source, stream, dataset, lane, observedAt, records: [record] };
}

/**
 * Sends what the journal holds from a journaled time on (epoch ms) again, with the same ids, as far as the destination
 * has passed it. It was settled before, so what is rejected now is no dead letter; `onSettled` gets it.
 */
export async function redeliverSince(
  journal: Pick<Journal, 'pages' | 'destinations'>,
  { name, sources, tenants }: Pick<DestinationConfig, 'name' | 'sources' | 'tenants'>,
  from: number,
  onSettled: (settled: Settled) => void = () => undefined,
): Promise<Redelivery> {
  const own = (await journal.destinations.all()).find((destination) => destination.name === name);
  const end = own?.position ?? { sequence: 0, offset: 0 };
  const read = pageReader(journal.pages);
  return {
    selection: { sources, tenants },
    read: (position) => readPassed(read, position, { from, end }),
    settle: (settled) => Promise.resolve(onSettled(settled)),
  };
}

/** The next page that was journaled at `from` or later, up to the destination's position: it has yet to get the rest. */
async function readPassed(
  read: (position: Position) => Promise<JournaledRecords | undefined>,
  position: Position,
  { from, end }: { readonly from: number; readonly end: Position },
): Promise<RecordPage | undefined> {
  let page = await read(position);
  while (page !== undefined && page.committedAt < from) {
    page = await read({ sequence: page.sequence + 1, offset: 0 });
  }
  if (page === undefined || page.sequence > end.sequence) return undefined;
  if (page.sequence < end.sequence) return page;
  return end.offset === 0 ? undefined : { ...page, records: page.records.slice(0, end.offset) };
}

/** A redelivery under way. */
interface Queued {
  readonly redelivery: Redelivery;
  readonly batcher: Batcher;
  /** Where its next batch begins. */
  position: Position;
  batch: InFlightBatch | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** The redeliveries of one destination, one after another. */
export class RedeliveryQueue {
  readonly #settings: BatcherSettings;
  readonly #queue: Queued[] = [];

  constructor(settings: BatcherSettings) {
    this.#settings = settings;
  }

  /** Resolves when every record is settled; rejects with an AbortError when the delivery ends before. */
  add(redelivery: Redelivery): Promise<void> {
    const destination = { ...this.#settings.destination, ...redelivery.selection };
    const read = (position: Position) => redelivery.read(position);
    const done = Promise.withResolvers<void>();
    this.#queue.push({
      redelivery,
      batcher: new Batcher({ ...this.#settings, destination, read }),
      position: { sequence: 0, offset: 0 },
      batch: undefined,
      done,
    });
    return done.promise;
  }

  /** The batch to send next, and the redelivery that it is of; undefined when there is none. `now`: epoch ms. */
  async next(
    now: number,
  ): Promise<{ readonly batch: InFlightBatch; readonly redelivery: Redelivery } | undefined> {
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      const { batch, redelivery } = first;
      if (batch !== undefined) return { batch, redelivery };
      const next = await first.batcher.next(first.position, now);
      if (next === undefined) {
        this.#queue.shift();
        first.done.resolve();
        continue;
      }
      first.position = next.end;
      first.batch = new InFlightBatch(next, now, { redelivered: true });
    }
    return undefined;
  }

  /** All of the batch that `next` returned last is settled. */
  finishBatch(): void {
    const [first] = this.#queue;
    if (first !== undefined) first.batch = undefined;
  }

  /** The delivery has ended. */
  end(): void {
    const reason = new DOMException('The delivery ended before all records were sent again.', 'AbortError');
    for (const { done } of this.#queue.splice(0)) done.reject(reason);
  }
}
