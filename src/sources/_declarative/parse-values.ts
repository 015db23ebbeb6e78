import type { Path } from '../../config/problems.ts';
import type { AnswerValue, RecordsAt } from './answer.ts';
import type { Checks } from './checks.ts';
import { parsePath, type Steps } from './path.ts';
import type { RecordPath } from './records.ts';
import type { RawDefinition, RawValue } from './schema.ts';
import type { OptionTypes } from './terms.ts';
import { Terms } from './terms.ts';

/** A path; empty after its mistake was reported. */
export function steps(checks: Checks, path: Path, text: string): Steps {
  const parsed = parsePath(text);
  if (!('message' in parsed)) return parsed;
  checks.add(path, parsed.message, parsed.at);
  return [];
}

/** A path into a record or, with `split`, into the element. */
export function recordPath(
  checks: Checks,
  path: Path,
  { text, split }: { readonly text: string; readonly split: boolean },
): RecordPath {
  const all = steps(checks, path, text);
  return split && all[0] === 'item'
    ? { text, steps: all.slice(1), of: 'item' }
    : { text, steps: all, of: 'record' };
}

/** Where a value of an answer is; undefined after its mistake was reported. */
export function answerValue(
  { checks, options }: { readonly checks: Checks; readonly options: OptionTypes },
  path: Path,
  raw: RawValue,
): AnswerValue | undefined {
  if (typeof raw === 'string') return { steps: steps(checks, path, raw) };
  if ('header' in raw || 'link' in raw) return raw;
  if ('last' in raw) return { last: steps(checks, [...path, 'last'], raw.last) };
  if ('first' in raw) return { first: steps(checks, [...path, 'first'], raw.first) };
  const terms = new Terms(checks, options, { variables: { answer: 'dyn' }, options: false });
  const cel = terms.expression([...path, 'cel'], raw.cel);
  return cel && { cel };
}

/** Where the records are. */
export function recordsAt(
  checks: Checks,
  raw: RawDefinition['records'],
  path: Path = ['records'],
): RecordsAt {
  const written = typeof raw === 'string' ? { path: raw, empty: [], single: false } : raw;
  const place = typeof raw === 'string' ? path : [...path, 'path'];
  const empty: readonly unknown[] = written.empty;
  return {
    steps: steps(checks, place, written.path),
    absentIsEmpty: empty.includes('absent'),
    nullIsEmpty: empty.includes('null') || empty.includes(null),
    emptyTextIsEmpty: empty.includes(''),
    single: written.single,
  };
}
