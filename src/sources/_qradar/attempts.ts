import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { Observation, SourceContext, Span } from '../../core/source.ts';
import { digest } from '../../ecs/uid.ts';
import { getPart, type ListPart } from './list.ts';
import { timeOf } from './normalise.ts';
import type { ConsoleOptions } from './schemas.ts';

export const ATTEMPTS = { path: '/api/access/login_attempts', route: 'login_attempts' } as const;

/** The five fields of the document; asked for by name, so that the answer stays as small as it is today. */
const FIELDS = 'attempt_time,user_id,remote_ip,attempt_result,attempt_method';

/** An offset that no console's list reaches. */
const NOWHERE = 1_000_000_000;

/** A list that changes under every reading is read as it comes after so many new beginnings. */
const MAX_RESTARTS = 3;

/**
 * One reading of the attempts within a span, part by part. Offsets grow only in here, by the rows received, since a
 * console may send fewer than asked for.
 */
export class Reading {
  readonly asked: Span;
  readonly #context: SourceContext<ConsoleOptions>;
  readonly #sorted: boolean;
  #ordinals = new Ordinals();
  #offset = 0;
  #last: ListPart | undefined;
  #restarts = 0;

  constructor(context: SourceContext<ConsoleOptions>, asked: Span, { sorted }: { readonly sorted: boolean }) {
    this.#context = context;
    this.asked = asked;
    this.#sorted = sorted;
  }

  get ordinals(): Ordinals {
    return this.#ordinals;
  }

  /** The next part; undefined when the list grew or shrank under the reading, which then has begun anew. */
  async next(): Promise<ListPart | undefined> {
    const part = await this.#get(this.#offset);
    if (this.#changed(part) && this.#restarts < MAX_RESTARTS) {
      // Every offset after the change is off by one: a row would be counted twice, and told as one more.
      this.#ordinals = new Ordinals();
      this.#offset = 0;
      this.#last = undefined;
      this.#restarts += 1;
      return undefined;
    }
    await this.#requireProgress(part);
    this.#last = part;
    this.#offset += part.rows.length;
    return part;
  }

  /** By the total, where it is one: some consoles may give the number of elements received instead. */
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

  /** The same part again may be equal rows of one millisecond, or a console that takes no notice of `Range`. */
  async #requireProgress(part: ListPart): Promise<void> {
    if (part.rows.length === 0 || part.digest !== this.#last?.digest || part.start === this.#offset) return;
    const nowhere = await this.#get(NOWHERE);
    if (nowhere.rows.length === 0) return;
    throw new UnexpectedAnswerError(
      `${ATTEMPTS.path} answers the same rows whatever part is asked for: it takes no notice of the Range header. Does a proxy remove it? A page_size larger than any answer would do without it.`,
      this.#context.options.base_url + ATTEMPTS.path,
      200,
    );
  }
}

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
