import { isDeepStrictEqual } from 'node:util';
import type { CommonOptions, LedgerValue, Observation, Page, StreamContext } from '../../core/source.ts';
import type { Expansion } from './expand.ts';
import type { Observed, Reading } from './records.ts';
import type { Survey } from './survey.ts';

/** What emitting the records of an answer needs. */
export interface Emission {
  readonly context: StreamContext<CommonOptions>;
  readonly reading: Reading;
  readonly survey: Survey;
  /** When the ledger forgets a record of this time, epoch ms; undefined: by the time of the poll. Absent: by the record's time. */
  readonly rememberAt?: (time: number | undefined) => number | undefined;
  readonly expansion: Expansion | undefined;
  /**
   * Called with the keys of a batch and how many of them the ledger does not know, or knows with another value; undefined:
   * nobody asks.
   */
  readonly onObserved?: ((keys: readonly string[], news: number) => void) | undefined;
}

/**
 * The pages of one answer, one for each batch of its records. The last one has everything else in `tail()`, which is made
 * after its records were compared with the ledger. The stored cursor stays until then.
 */
export async function* pagesOf<Cursor>(
  emission: Emission,
  tail: () => Omit<Page<Cursor>, 'observations'>,
): AsyncGenerator<Page<Cursor>, void> {
  const { batches } = emission.survey;
  if (batches.length === 0) yield { observations: [], ...tail() };
  for (const [index, batch] of batches.entries()) {
    const observations = await observationsOf(emission, batch());
    yield { observations, ...(index === batches.length - 1 && tail()) };
  }
}

async function observationsOf(
  { context, reading, rememberAt = (time) => time, expansion, onObserved }: Emission,
  records: readonly unknown[],
): Promise<readonly Observation[]> {
  const observed = records.flatMap((record) => reading.observe(record));
  let news: ReadonlySet<string> | undefined;
  if (expansion !== undefined || onObserved !== undefined) {
    const keys = observed.map(({ key }) => key);
    news = newsIn(observed, await context.known([...new Set(keys)]));
    onObserved?.(keys, news.size);
  }
  const detailed = expansion === undefined ? observed : await expansion.detail(observed, news ?? new Set());
  return detailed.map(({ time, ...observation }) => {
    const at = rememberAt(time);
    return at === undefined ? observation : { ...observation, at };
  });
}

/** The keys that the ledger does not know, or whose compared values changed. */
function newsIn(observed: readonly Observed[], known: ReadonlyMap<string, LedgerValue>): ReadonlySet<string> {
  const news = observed.filter(({ key, value }) => {
    const before = known.get(key);
    return before === undefined || (value !== undefined && !isDeepStrictEqual(value, before));
  });
  return new Set(news.map(({ key }) => key));
}
