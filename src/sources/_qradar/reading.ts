import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { SourceContext, Span } from '../../core/source.ts';
import { getPart, type ListPart } from './list.ts';
import { Ordinals } from './observe.ts';
import type { ConsoleOptions } from './options.ts';

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
  readonly #run: SourceContext<ConsoleOptions>;
  readonly #sorted: boolean;
  #ordinals = new Ordinals();
  #offset = 0;
  #last: ListPart | undefined;
  #restarts = 0;

  constructor(run: SourceContext<ConsoleOptions>, asked: Span, { sorted }: { readonly sorted: boolean }) {
    this.#run = run;
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
    return getPart(this.#run, {
      ...ATTEMPTS,
      query: {
        filter: `attempt_time >= ${from} and attempt_time < ${to}`,
        ...(this.#sorted && { sort: '+attempt_time' }),
        fields: FIELDS,
      },
      offset,
      limit: this.#run.options.page_size,
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
      this.#run.options.base_url + ATTEMPTS.path,
      200,
    );
  }
}
