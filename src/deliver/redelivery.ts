import type { DestinationConfig } from '../config/types.ts';
import type { DeadLetter } from '../journal/dead-letter.ts';
import type { HeldDeadLetter, Journal, JournalPage, Position } from '../journal/journal.ts';
import type { Item } from './batch.ts';

/** What became of records of an errand since it was told last. */
export interface Settled {
  readonly taken: readonly Item[];
  readonly refused: readonly DeadLetter[];
}

/**
 * Records for a destination besides what its position has before it. They go behind live ones and never block them:
 * what is refused alone is refused.
 */
export interface Errand {
  /** What the destination takes of it: dead letters are its own already, whatever its filters say now. */
  readonly selection: Pick<DestinationConfig, 'sources' | 'tenants'>;
  /** The first page at or after the position, undefined when there is no more. */
  read(position: Position): Promise<JournalPage | undefined>;
  /** Durable when it resolves. */
  settle(settled: Settled): Promise<void>;
}

const EVERYTHING = { sources: undefined, tenants: undefined } as const;

/** Dead letters, tried again: what is taken lies there no longer. `ids`: those of the destination; undefined: all. */
export async function retryErrand(
  journal: Pick<Journal, 'deadLetters' | 'settleDeadLetters'>,
  destination: string,
  ids?: readonly number[],
): Promise<Errand> {
  const letters = await journal.deadLetters(destination);
  const wanted = letters.filter(({ id }) => ids === undefined || ids.includes(id));
  return {
    selection: EVERYTHING,
    read: ({ sequence }) => Promise.resolve(wanted.map(asPage).find((page) => page.sequence >= sequence)),
    settle: ({ taken, refused }) =>
      journal.settleDeadLetters(
        destination,
        taken.map(({ page }) => page.sequence),
        refused,
      ),
  };
}

/** A letter as the page that it came from would hold it; its id stands for the sequence. */
function asPage({ id, source, stream, dataset, lane, observedAt, uid, event }: HeldDeadLetter): JournalPage {
  return { sequence: id, source, stream, dataset, lane, observedAt, events: [{ uid, event }] };
}

/**
 * What the journal still holds from a journaled time on (epoch ms), sent again with the same ids. It was settled
 * once, so what is refused now is no dead letter; `onSettled` is told.
 */
export async function replayErrand(
  journal: Pick<Journal, 'read' | 'destinations'>,
  { name, sources, tenants }: Pick<DestinationConfig, 'name' | 'sources' | 'tenants'>,
  from: number,
  onSettled: (settled: Settled) => void = () => undefined,
): Promise<Errand> {
  const own = (await journal.destinations()).find((destination) => destination.name === name);
  const end = own?.position ?? { sequence: 0, offset: 0 };
  return {
    selection: { sources, tenants },
    read: (position) => readPassed(journal, position, { from, end }),
    settle: (settled) => Promise.resolve(onSettled(settled)),
  };
}

/** The next page that was journaled at `from` or later, as far as the destination has passed it: the rest is to come. */
async function readPassed(
  journal: Pick<Journal, 'read'>,
  position: Position,
  { from, end }: { readonly from: number; readonly end: Position },
): Promise<JournalPage | undefined> {
  let page = await journal.read(position);
  while (page !== undefined && page.observedAt < from) {
    page = await journal.read({ sequence: page.sequence + 1, offset: 0 });
  }
  if (page === undefined || page.sequence > end.sequence) return undefined;
  if (page.sequence < end.sequence) return page;
  return end.offset === 0 ? undefined : { ...page, events: page.events.slice(0, end.offset) };
}
