import type { DeadLetter } from '../journal/dead-letter.ts';
import type { Position } from '../journal/journal.ts';
import { isBefore } from '../journal/position.ts';
import type { Acknowledge, Answer } from './classify-response.ts';
import type { Batch, Item } from './batch.ts';
import { ageReason, condemn } from './condemn.ts';
import type { Settled } from './redelivery.ts';
import type { RequestSize } from './request-size.ts';
import { type Refusal, Shipment } from './bisector.ts';

/** What an answer did to a load, for counting. */
export interface Effect {
  readonly delivered: number;
  readonly rejected: number;
  /** What a refusal led to; undefined: none, or the same records are sent again. */
  readonly refusal: Refusal['kind'] | undefined;
  /** Nothing is taken: the destination pauses until another record is. */
  readonly stuck: boolean;
}

/** How the next request is to be. Times are in milliseconds. */
interface Request {
  readonly maxEventAge: number | undefined;
  /** Only one record, because the destination is paused. */
  readonly alone: boolean;
  readonly size: RequestSize;
}

/** Where a load's records are settled up to, and what was laid aside on the way: committed together. */
export interface Settlement {
  readonly position: Position;
  readonly deadLetters: readonly DeadLetter[];
}

/** Indices of what a partial success refused, and why. */
interface Refused {
  readonly refused: ReadonlySet<number>;
  readonly reason: string;
}

/** A batch and what became of its records: which go out next, which were taken, which are dead letters. */
export class Load {
  readonly #items: Item[] = [];
  readonly #shipment: Shipment;
  readonly #letters = new Map<number, DeadLetter>();
  #taken: Item[] = [];
  #end: Position;
  /** Indices of the last request. */
  #sent: readonly number[] = [];

  /** Its records lie elsewhere already, so that one refused alone is refused. */
  readonly expendable: boolean;

  constructor(batch: Batch, now: number, { expendable = false } = {}) {
    this.expendable = expendable;
    this.#shipment = new Shipment(0, { expendable });
    this.#end = batch.end;
    this.append(batch, now);
  }

  get size(): number {
    return this.#items.length;
  }

  /** Where the next batch begins. */
  get end(): Position {
    return this.#end;
  }

  /** More records behind these, sent on their own. */
  append({ items, end }: Batch, now: number): void {
    const from = this.#items.length;
    this.#items.push(...items);
    this.#shipment.append(items.length);
    items.forEach((item, index) => {
      if (item.unfit !== undefined) this.#condemn(from + index, undefined, item.unfit, now);
    });
    this.#end = end;
  }

  /** The records of the next request, empty when all are settled. What has become too old is laid aside instead. */
  next(now: number, { maxEventAge, alone, size }: Request): readonly Item[] {
    for (;;) {
      this.#sent = this.#shipment.next({ alone, most: size.most });
      const aged = this.#sent.filter((index) => this.#ageOut(index, now, maxEventAge));
      if (aged.length === 0) return this.#sent.flatMap((index) => this.#items[index] ?? []);
    }
  }

  /** Settles what the answer to the last request settles. `size`: as for that request. */
  settle(answer: Answer, now: number, size: RequestSize): Effect {
    if (answer.kind === 'acknowledge') return this.#acknowledge(answer, now);
    const refusal = this.#refused(answer, this.#sent.length > size.proven);
    if (refusal?.kind === 'condemned') this.#condemn(refusal.index, answer.status, reasonOf(answer), now);
    return this.#effect({ refusal: refusal?.kind });
  }

  /** How far it is settled without a hole, and the dead letters before that which were not told yet. */
  takeSettlement(): Settlement {
    const upTo = this.#shipment.settledUpTo;
    return { position: this.#items[upTo]?.position ?? this.#end, deadLetters: this.#takeLetters(upTo) };
  }

  /** The positions of what was taken or laid aside behind a record that is not settled yet. */
  get settledPositions(): readonly Position[] {
    return this.#items
      .filter((_, index) => index >= this.#shipment.settledUpTo && this.#shipment.isSettled(index))
      .map(({ position }) => position);
  }

  /** The dead letters before a position that no settlement had yet. */
  lettersBefore(position: Position): readonly DeadLetter[] {
    return this.#lettersUpTo(this.#countBefore(position)).map(([, letter]) => letter);
  }

  /** Nothing before a position is sent any more, and its dead letters are committed. */
  skipTo(position: Position): void {
    const count = this.#countBefore(position);
    for (let index = 0; index < count; index += 1) this.#shipment.settle(index);
    this.#takeLetters(count);
    if (isBefore(this.#end, position)) this.#end = position;
  }

  /** What was settled since the last call, holes or not. */
  takeSettled(): Settled {
    const taken = this.#taken;
    this.#taken = [];
    return { taken, refused: this.#takeLetters(this.size) };
  }

  #acknowledge(answer: Acknowledge, now: number): Effect {
    const sent = this.#sent;
    const { rejected, duplicatesOnly, status } = answer;
    const lost = duplicatesOnly ? 0 : Math.min(rejected, sent.length);
    this.#shipment.accept({ some: lost < sent.length });
    const { refused, reason } = this.#refusedOf(answer, lost);
    for (const index of sent) {
      if (refused.has(index)) this.#condemn(index, status, reason, now);
      else this.#taken.push(...this.#items.slice(index, index + 1));
    }
    return this.#effect({ delivered: sent.length - lost, rejected: lost });
  }

  /** Which records of the last request a partial success is about: all of them, unless it names those it refused. */
  #refusedOf({ words, named }: Acknowledge, lost: number): Refused {
    const sent = this.#sent;
    if (lost === 0) return { refused: new Set(), reason: '' };
    const found = sent.filter((index) => named.includes(this.#items[index]?.journaled.uid ?? ''));
    if (found.length === lost) return { refused: new Set(found), reason: words };
    const reason = `perhaps refused: ${lost} of ${sent.length} records sent together were; ${words}`;
    return { refused: new Set(sent), reason };
  }

  #refused(answer: Exclude<Answer, Acknowledge>, larger: boolean): Refusal | undefined {
    if (answer.kind === 'bisect') return this.#shipment.refuse(answer);
    if (answer.kind === 'pause') return answer.perhapsRecord ? this.#shipment.forbid() : undefined;
    return answer.suspicion && this.#shipment.trouble(answer.suspicion, { larger });
  }

  #takeLetters(upTo: number): readonly DeadLetter[] {
    const letters = this.#lettersUpTo(upTo);
    for (const [index] of letters) this.#letters.delete(index);
    return letters.map(([, letter]) => letter);
  }

  #lettersUpTo(index: number): readonly (readonly [number, DeadLetter])[] {
    return [...this.#letters].filter(([own]) => own < index).toSorted(([a], [b]) => a - b);
  }

  #countBefore(position: Position): number {
    const first = this.#items.findIndex((item) => !isBefore(item.position, position));
    return first === -1 ? this.#items.length : first;
  }

  #ageOut(index: number, now: number, maxEventAge: number | undefined): boolean {
    const reason = ageReason(this.#items[index]?.at ?? now, now, maxEventAge);
    if (reason === undefined) return false;
    this.#condemn(index, undefined, reason, now);
    return true;
  }

  #condemn(index: number, status: number | undefined, reason: string, now: number): void {
    const item = this.#items[index];
    if (item === undefined) return;
    this.#shipment.settle(index);
    this.#letters.set(index, condemn(item, status, reason, now));
  }

  #effect(counts: Partial<Effect> = {}): Effect {
    return { delivered: 0, rejected: 0, refusal: undefined, stuck: this.#shipment.stuck, ...counts };
  }
}

/** Why a record that was refused alone lies in the dead letters. */
function reasonOf(answer: Answer): string {
  const { status, words } = answer;
  if (answer.kind !== 'wait' || answer.suspicion !== 'unanswered') return words || `HTTP ${status}`;
  return `the receiver never answered a request with this record alone, though it took others: ${words}`;
}
