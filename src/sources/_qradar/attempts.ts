import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { Observation, SourceContext, Span } from '../../core/source.ts';
import { digest } from '../../ecs/uid.ts';
import { Ordinals } from '../_kit/keys.ts';
import { NEVER, YEAR } from '../_kit/windows.ts';
import { getPart, type ListPart } from './list.ts';
import { timeOf } from './normalise.ts';
import type { Options } from './schemas.ts';

export const ATTEMPTS = { path: '/api/access/login_attempts', route: 'login_attempts' } as const;

/** The documented fields. They are requested by name, so that answers stay small when a release adds others. */
const FIELDS = 'attempt_time,user_id,remote_ip,attempt_result,attempt_method';

/** An offset that is past the end of every console's list. */
const PAST_THE_END = 1_000_000_000;

/** A list that changes during each of so many readings is then read as it comes. */
const MAX_RESTARTS = 3;

/**
 * One reading of the attempts within a span, part by part. Offsets grow by the rows received, because a console may send
 * fewer than requested.
 */
export class Reading {
  readonly asked: Span;
  readonly #context: SourceContext<Options>;
  readonly #sorted: boolean;
  #ordinals = new Ordinals();
  #offset = 0;
  #last: Pick<ListPart, 'total' | 'digest'> | undefined;
  #restarts = 0;

  constructor(context: SourceContext<Options>, asked: Span, { sorted }: { readonly sorted: boolean }) {
    this.#context = context;
    this.asked = asked;
    this.#sorted = sorted;
  }

  get ordinals(): Ordinals {
    return this.#ordinals;
  }

  /** The next part; undefined when the list changed during the reading, which then begins again. */
  async next(): Promise<ListPart | undefined> {
    const part = await this.#get(this.#offset);
    if (this.#changed(part) && this.#restarts < MAX_RESTARTS) {
      // Every offset after the change has moved: a row would be read twice and get another ordinal.
      this.#ordinals = new Ordinals();
      this.#offset = 0;
      this.#last = undefined;
      this.#restarts += 1;
      return undefined;
    }
    await this.#requireProgress(part);
    this.#last = { total: part.total, digest: part.digest };
    this.#offset += part.rows.length;
    return part;
  }

  /** By the total, where it is one: some consoles may send the number of elements received instead. */
  #changed({ total, rows }: ListPart): boolean {
    const before = this.#last?.total;
    if (before === undefined || total === undefined || total < this.#offset + rows.length) return false;
    return total !== before;
  }

  #get(offset: number): Promise<ListPart> {
    const { from, to } = this.asked;
    return getPart(this.#context, {
      ...ATTEMPTS,
      query: {
        filter: `attempt_time >= ${from} and attempt_time < ${to}`,
        ...(this.#sorted && { sort: '+attempt_time' }),
        fields: FIELDS,
      },
      offset,
      limit: this.#context.options.page_size,
      asked: this.asked,
    });
  }

  /** An identical part may be equal rows of one millisecond, or come from a console that ignores `Range`. */
  async #requireProgress(part: ListPart): Promise<void> {
    if (part.rows.length === 0 || part.digest !== this.#last?.digest || part.start === this.#offset) return;
    const pastTheEnd = await this.#get(PAST_THE_END);
    if (pastTheEnd.rows.length === 0) return;
    throw new UnexpectedAnswerError(
      `${ATTEMPTS.path} answers the same rows for every part: the Range header is ignored. Check whether a proxy removes it, or set page_size above the number of rows in any answer.`,
      this.#context.options.base_url + ATTEMPTS.path,
      200,
    );
  }
}

/** An attempt as it was read: its key, and the time by which the ledger forgets it. */
export type Attempt = Observation & { readonly at: number };

/** How rows relate to what was asked. */
export interface Conformity {
  /** The last time inside the span; `after` when there was none. Epoch ms. */
  readonly last: number;
  /** A row was at or after the end of the span: in a sorted list, no more rows are inside it. */
  readonly beyond: boolean;
  /** The times inside the span never decrease. */
  readonly ascending: boolean;
  /** The number of rows from before the span. */
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

/** Looks at rows in the console's order. */
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

/** Makes observations of rows in the console's order; `last` as in `Conformity`. */
export function observe(
  rows: readonly unknown[],
  { asked, end, ordinals, after }: Asked,
): { readonly attempts: readonly Attempt[]; readonly last: number } {
  const attempts: Attempt[] = [];
  let last = after;
  for (const row of rows) {
    const time = timeOf(row);
    if (time === undefined) {
      attempts.push({ key: malformedKey(row, ordinals), record: row, at: asked.to + YEAR });
    } else if (time < asked.from) {
      // Not asked for, but shown, so it is emitted. It is never forgotten, because every answer may show it again.
      attempts.push({ key: keyOf(row, time, ordinals), record: row, at: NEVER });
    } else if (time < end || time >= asked.to) {
      if (time < end) last = time;
      attempts.push({ key: keyOf(row, time, ordinals), record: row, at: time });
    }
  }
  return { attempts, last };
}

/**
 * Rows have no ids. The key is the five fields and the ordinal among equal rows, so that two identical logins are two
 * events, and one login that is read twice is one.
 */
function keyOf(row: unknown, time: number, ordinals: Ordinals): string {
  const { user_id, remote_ip, attempt_result, attempt_method } = row as Record<string, unknown>;
  const name = `${time}:${digest(user_id, remote_ip, attempt_result, attempt_method)}`;
  return `${name}:${ordinals.next(name)}`;
}

/** Begins the keys of malformed rows in stored ledgers. */
const MALFORMED = 'misfit:';

function malformedKey(row: unknown, ordinals: Ordinals): string {
  const name = MALFORMED + digest(row);
  return `${name}:${ordinals.next(name)}`;
}

/** Whether the row has no valid time, and becomes a `pipeline_error`. */
export function isMalformed({ key }: Attempt): boolean {
  return key.startsWith(MALFORMED);
}
