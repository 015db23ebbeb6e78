import fc from 'fast-check';
import type { Gap } from '../../../src/core/source.ts';
import type { Journal, PageCommit } from '../../../src/journal/journal.ts';
import type { DrivenClock } from '../../support/driven-clock.ts';
import { letters, page, records, STREAM } from './commits.ts';

/** Something that changes a journal; returns what the journal returned. */
export type Step = (journal: Journal, clock: DrivenClock) => Promise<unknown>;

export const SOURCES = ['console', 'desk'];
export const DESTINATIONS = ['siem', 'lake'];
const SCOPES = ['a', 'b'];

interface Place {
  readonly source: string;
  readonly scope: string;
}

export const PLACES: readonly Place[] = SOURCES.flatMap((source) =>
  SCOPES.map((scope) => ({ source, scope: `${source}/${scope}` })),
);

export function keyOf({ scope }: Place): string {
  return `${STREAM.type}|${STREAM.origin}|${scope}`;
}

const at = fc.nat(30);
const span = fc.tuple(at, at).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const reason = fc.constantFrom('page-limit', 'answer-too-large', 'ledger-full');
const gap = fc.record({ reason, part: fc.constantFrom('', 'x', '\0'), span }).map(toGap);
const LONG = `k|${'long'.repeat(60)}`;
const key = fc.oneof(
  fc.nat(9).map((n) => `k|${n}`),
  fc.constantFrom('k', 'l', LONG, `${LONG}er`, 'k|\ud83d', 'k|\0'),
);
const entry = fc.record({
  key,
  at,
  uid: fc.constantFrom('u', 'uid'),
  value: fc.record({ text: fc.constantFrom('', 'é', '\ud83d', '\0') }),
});

/** What a page changes, but for its stream. */
const change = fc.record({
  lane: fc.constantFrom('live' as const, 'backfill' as const),
  records: maybe(fc.integer({ min: 1, max: 3 })),
  ledger: fc.array(entry, { maxLength: 4 }),
  hashLongKeys: fc.boolean(),
  forgetBefore: maybe(at),
  keep: maybe(fc.array(span, { maxLength: 2 })),
  cursor: maybe(fc.record({ at })),
  covered: maybe(span),
  gaps: fc.array(gap, { maxLength: 2 }),
  unemittedGaps: fc.array(gap, { maxLength: 2 }),
  closedGaps: fc.array(gap, { maxLength: 1 }),
  complete: fc.boolean(),
  deferred: maybe(fc.nat(1)),
  dropped: fc.nat(2),
});

const source = fc.constantFrom(...SOURCES);
const destination = fc.constantFrom(...DESTINATIONS);
const position = fc.record({ sequence: fc.nat(8), offset: fc.nat(3) });
const missed = span.map((whole) => ({ ...whole, events: 2, sources: { desk: 2 } }));

/** Any step of a journal in which `prepare` was called. */
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.tuple(fc.constantFrom(...PLACES), change).map(committing), weight: 8 },
  fc.record({ destination, position, rejected: fc.nat(2) }).map(acknowledging),
  fc.record({ destination, position, missed: maybe(missed) }).map(skipping),
  destination.map(
    (name): Step =>
      (journal, clock) =>
        journal.destinations.endGap(name, clock.now()),
  ),
  destination.map(settling),
  fc.record({ source, limit: fc.integer({ min: 1, max: 3 }) }).map(forgetting),
  fc.record({ source, scopes: fc.subarray(SCOPES) }).map(
    ({ source: name, scopes }): Step =>
      (journal) =>
        journal.sources.orphanStreams(
          name,
          scopes.map((scope) => `${name}/${scope}`),
        ),
  ),
  fc.constant<Step>((journal, clock) => journal.trim(clock.now())),
  fc.constant<Step>((_, clock) => clock.advance(5)),
);

/** Opens the sources, streams and destinations of the steps. */
export async function prepare(journal: Journal, clock: DrivenClock): Promise<void> {
  await journal.sources.open(
    SOURCES.map((name) => ({ ...STREAM, name, origin: `https://${name}.example.com` })),
  );
  await journal.streams.openAll(PLACES.map((place) => ({ ...STREAM, ...place })));
  await journal.destinations.open(DESTINATIONS, clock.now());
}

function maybe<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined });
}

function toGap({ span: whole, ...rest }: Omit<Gap, 'from' | 'to'> & { span: Pick<Gap, 'from' | 'to'> }): Gap {
  return { ...rest, ...whole };
}

type Change = Partial<Omit<PageCommit, 'records'>> & { readonly records: number | undefined };

function committing([place, { records: count, ...changes }]: [Place, Change]): Step {
  const names = { stream: keyOf(place), source: place.source };
  const counts = { durationMs: 1.5, requests: 1, rows: 2, new: 1, changed: 0 };
  return async (journal, clock) => {
    const outcome = changes.complete === true ? 'complete' : 'cut';
    const poll = { ...names, ...counts, at: clock.now(), outcome };
    const added = count === undefined ? [] : records(count);
    await journal.commit(page({ ...changes, ...names, poll, records: added }));
  };
}

interface Delivered {
  readonly destination: string;
  readonly position: { readonly sequence: number; readonly offset: number };
}

function acknowledging({
  destination: name,
  position: to,
  rejected,
}: Delivered & { rejected: number }): Step {
  const stream = keyOf(PLACES[0] as Place);
  const deadLetters = letters(rejected, 'no').map((letter) => ({ ...letter, stream }));
  return (journal, clock) =>
    journal.acknowledge(name, { position: to, response: 'ok', now: clock.now(), deadLetters });
}

function skipping(
  skip: Delivered & Partial<Pick<Parameters<Journal['destinations']['skip']>[1], 'missed'>>,
): Step {
  const { destination: name, position: to, missed: lost } = skip;
  return (journal, clock) =>
    journal.destinations.skip(name, { position: to, missed: lost, deadLetters: [] }, clock.now());
}

/** Sends the first dead letter again, with success, and another one in vain. */
function settling(name: string): Step {
  return async (journal) => {
    const [first] = await journal.deadLetters.of(name);
    if (first === undefined) return;
    await journal.deadLetters.settle(name, [first.id], [{ ...first, uid: 'again', reason: 'still no' }]);
  };
}

function forgetting({ source: name, limit }: { source: string; limit: number }): Step {
  return async (journal) => (await journal.ledger.forgetOldest(name, limit, 'ledger-full')).toSorted();
}
