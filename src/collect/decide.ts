import { isDeepStrictEqual } from 'node:util';
import type { LedgerEntry } from '../journal/journal.ts';
import type { LedgerValue, Observation, Source, MappingContext } from '../core/source.ts';

/** What the ledger makes of an observation. */
export type Decision =
  /** Known, and the same: nothing is told, nothing is written. */
  | { readonly outcome: 'repeated' }
  /** Known, and the same in all that we compared before; a field that a later release compares is taken over silently. */
  | { readonly outcome: 'adopted' }
  | { readonly outcome: 'told'; readonly reason: MappingContext['reason']; readonly delta: number };

const REPEATED: Decision = { outcome: 'repeated' };

/** Decides by what is known of the observation's key (undefined: nothing) whether and why it is told. */
export function decide(
  stream: Source['stream'],
  observation: Observation,
  known: LedgerEntry | undefined,
): Decision {
  if (stream === 'counter' && observation.value !== undefined) return count(observation, known?.value);
  if (known === undefined) return { outcome: 'told', reason: 'new', delta: 0 };
  if (stream === 'append-only' || observation.value === undefined) return REPEATED;
  return compare(observation.value, known.value);
}

function count({ value, final }: Observation, known: LedgerValue | undefined): Decision {
  const delta = Number(value?.['count']) - Number(known?.['count'] ?? 0);
  const closes = final === true && known?.['final'] !== true;
  if (known !== undefined && delta === 0 && !closes) return REPEATED;
  if (final === true) return { outcome: 'told', reason: 'final', delta };
  return { outcome: 'told', reason: known === undefined ? 'new' : 'updated', delta };
}

function compare(value: LedgerValue, known: LedgerValue): Decision {
  const names = Object.keys(value);
  if (names.some((name) => name in known && !isDeepStrictEqual(value[name], known[name]))) {
    return { outcome: 'told', reason: 'updated', delta: 0 };
  }
  return names.some((name) => !(name in known)) ? { outcome: 'adopted' } : REPEATED;
}

/** What the ledger is to hold from now on. A counter that was final stays so: a later change is a revision, final again. */
export function remembered({ value = {}, final }: Observation): LedgerValue {
  return final === true ? { ...value, final: true } : value;
}
