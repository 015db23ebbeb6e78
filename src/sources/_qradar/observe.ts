import { digest } from '../../ecs/uid.ts';
import type { Observation, Span } from '../../core/source.ts';
import { timeOf } from './record.ts';

/** An attempt as it was read: its key, and the time by which the ledger forgets it. */
export type Attempt = Observation & { readonly at: number };

/** Counts equals from 0. One lasts as long as one reading of a list, since a new reading shows the same rows again. */
export class Ordinals {
  readonly #seen = new Map<string, number>();

  next(name: string): number {
    const ordinal = this.#seen.get(name) ?? 0;
    this.#seen.set(name, ordinal + 1);
    return ordinal;
  }
}

/** How a part of the list keeps to what was asked for. */
export interface Conformity {
  /** The last time inside the span; `after` when there was none. Epoch ms. */
  readonly last: number;
  /** Something was at or after the span's end: in a sorted list, nothing more will be inside it. */
  readonly beyond: boolean;
  /** The times inside the span only grow. */
  readonly ascending: boolean;
  /** Rows from before the span that was asked for. */
  readonly strays: number;
}

export interface Asked {
  /** What the filter asked for. */
  readonly asked: Span;
  /** Rows from here to the end of `asked` are not settled yet, and left to a later window. Epoch ms. */
  readonly end: number;
  readonly ordinals: Ordinals;
  /** The last time read before. Epoch ms. */
  readonly after: number;
}

/** Later than anything that is ever forgotten. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * How long a row without a time is known: no filter keeps it out, so every window may show it, for years. Not for ever,
 * or a vendor that changes its rows would fill the ledger. Milliseconds.
 */
const LONG = 365 * 86_400_000;

/** Looks at rows in the order of the console. */
export function conformityOf(
  rows: readonly unknown[],
  { asked, end, after }: Omit<Asked, 'ordinals'>,
): Conformity {
  let last = after;
  let [beyond, ascending, strays] = [false, true, 0];
  for (const row of rows) {
    const time = timeOf(row);
    if (time === undefined) continue;
    if (time < asked.from) strays += 1;
    else if (time >= end) beyond = true;
    else {
      ascending &&= time >= last;
      last = time;
    }
  }
  return { last, beyond, ascending, strays };
}

/** Makes observations of rows in the order of the console; `last` as in `Conformity`. */
export function observe(
  rows: readonly unknown[],
  { asked, end, ordinals, after }: Asked,
): { readonly attempts: readonly Attempt[]; readonly last: number } {
  const attempts: Attempt[] = [];
  let last = after;
  for (const row of rows) {
    const time = timeOf(row);
    if (time === undefined) {
      attempts.push({ key: misfitKey(row, ordinals), record: row, at: asked.to + LONG });
    } else if (time < asked.from) {
      // Shown, though not asked for, so it is told; and never forgotten, since it may be shown for ever.
      attempts.push({ key: keyOf(row, time, ordinals), record: row, at: NEVER });
    } else if (time < end || time >= asked.to) {
      if (time < end) last = time;
      attempts.push({ key: keyOf(row, time, ordinals), record: row, at: time });
    }
  }
  return { attempts, last };
}

/**
 * The console gives its rows no ids: the key is the five fields, and the ordinal among equals, so that two logins
 * that are alike stay two, and one that is read twice stays one.
 */
function keyOf(row: unknown, time: number, ordinals: Ordinals): string {
  const { user_id, remote_ip, attempt_result, attempt_method } = row as Record<string, unknown>;
  const name = `${time}:${digest(user_id, remote_ip, attempt_result, attempt_method)}`;
  return `${name}:${ordinals.next(name)}`;
}

const MISFIT = 'misfit:';

function misfitKey(row: unknown, ordinals: Ordinals): string {
  const name = MISFIT + digest(row);
  return `${name}:${ordinals.next(name)}`;
}

/** Whether the record is shipped as it came, since it does not fit. */
export function isMisfit({ key }: Attempt): boolean {
  return key.startsWith(MISFIT);
}
