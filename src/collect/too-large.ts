import { TooLargeError } from '../core/errors.ts';
import { uncovered } from '../core/span.ts';
import type { GapState } from '../journal/collection.ts';
import type { Gap, Page, Span } from '../core/source.ts';
import type { PollContext } from './context.ts';

/** `reason` of a gap: the answer about the span was above `max_response_bytes`. */
const TOO_LARGE = 'answer-too-large';

/** What a poll that ended so leaves behind: the gap, and nothing else. Undefined for any other end. */
export function tooLargePage(error: unknown, deferred: number): Omit<Page<unknown>, 'cursor'> | undefined {
  if (!(error instanceof TooLargeError) || error.asked === undefined) return undefined;
  const { from, to } = error.asked;
  if (to <= from) return undefined;
  return { observations: [], gaps: [{ from, to, reason: TOO_LARGE, part: '' }], deferred };
}

/** The cursor is kept, so the span is asked for again, up to a later end: that is the same gap. */
export function isSameTooLarge(gap: Gap, known: GapState): boolean {
  return gap.reason === TOO_LARGE && known.from < gap.to && gap.from < known.to;
}

/** Those of a stream that a page closes: their span is read by now, or nothing is left to be read up to their end. */
export async function closedTooLarge(
  journal: Pick<PollContext['journal'], 'gaps' | 'coverage'>,
  stream: string,
  { covered, complete, deferred }: Pick<Page<unknown>, 'covered' | 'complete' | 'deferred'>,
): Promise<readonly Gap[]> {
  if (covered === undefined) return [];
  const open = (await journal.gaps.of(stream)).filter(
    ({ reason, closed }) => reason === TOO_LARGE && closed === undefined,
  );
  if (open.length === 0) return [];
  const read: readonly Span[] = [...(await journal.coverage.of(stream)), covered];
  const caughtUp = complete === true && (deferred ?? 0) === 0;
  return open.filter((gap) => (caughtUp && gap.to <= covered.to) || uncovered(gap, read).length === 0);
}
