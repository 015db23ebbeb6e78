import { type DeadLetter, isBefore, type Position } from '../journal/delivery.ts';
import { type Batch, type BatchEntry, deadLetterOf, tooOld } from './batch.ts';
import { BatchBisector, type Bisection } from './bisector.ts';
import type { Accepted, ClassifiedResponse } from './classify-response.ts';
import { idOf } from './record-page.ts';

/** How many records a receiver can answer in one request, as far as that is known. */
export interface RequestSize {
  /** A request has at most this many records. */
  readonly most: number;
  /** This many at once were accepted since a request was split because it was not answered; Infinity: none was. */
  readonly proven: number;
  /** Requests that were accepted with this `most`. */
  readonly successes: number;
  /** A request was split because it was not answered, and none has been accepted since. */
  readonly searching: boolean;
}

export const ANY_SIZE: RequestSize = { most: Infinity, proven: Infinity, successes: 0, searching: false };

/** After this many accepted requests, requests may have twice as many records. */
const ENOUGH_SUCCESSES = 10;

/** No request has more records, so that from here on no limit is needed. */
const LARGEST_LIMIT = 5_000;

/** What the response to a request of so many records means for the size of the next. */
export function resized(
  size: RequestSize,
  response: ClassifiedResponse,
  { bisection }: Effect,
  records: number,
): RequestSize {
  if (response.kind === 'accepted') return enlarged(size, records);
  if (response.kind !== 'retry' || response.suspicion !== 'unanswered') return size;
  // One record was at fault, so the number of records was not.
  if (bisection === 'dead-letter') return ANY_SIZE;
  return bisection === 'split' ? { ...size, searching: true } : size;
}

function enlarged(size: RequestSize, records: number): RequestSize {
  if (size.searching) return { most: records, proven: records, successes: 1, searching: false };
  if (size.most === Infinity) return size;
  const proven = Math.max(size.proven, records);
  const successes = size.successes + 1;
  if (successes < ENOUGH_SUCCESSES) return { ...size, proven, successes };
  const most = size.most * 2;
  return most >= LARGEST_LIMIT ? ANY_SIZE : { most, proven, successes: 0, searching: false };
}

/** A batch that is rejected whole gets no more records when it has so many, or so many bytes. */
const FULL = { records: 5_000, bytes: 16_777_216 } as const;

/** What a response did to a batch. */
export interface Effect {
  /** Records that the destination accepted. */
  readonly delivered: number;
  /** Records of an accepted request that the destination rejected for good. */
  readonly rejected: number;
  /** What followed from a rejection; undefined: none, or the same records are sent again. */
  readonly bisection: Bisection['kind'] | undefined;
  /** Everything is rejected: the destination pauses until another record is accepted. */
  readonly stuck: boolean;
  /** Other records, or fewer, are sent next, so that there is no need to wait. */
  readonly continues: boolean;
}

/** Limits of the next request. */
interface RequestLimits {
  /** Milliseconds. */
  readonly maxEventAge: number | undefined;
  /** Only one record, because the destination is paused. */
  readonly alone: boolean;
  readonly size: RequestSize;
}

/** What became of records since the last call: of a redelivery, whose records are in the journal already. */
export interface Settled {
  readonly accepted: readonly BatchEntry[];
  readonly rejected: readonly DeadLetter[];
}

/** A batch and what became of its records: which are sent next, which were accepted, which are dead letters. Pure. */
export class InFlightBatch {
  readonly #entries: BatchEntry[] = [];
  readonly #bisector: BatchBisector;
  readonly #deadLetters = new Map<number, DeadLetter>();
  #accepted: BatchEntry[] = [];
  #end: Position;
  /** Indices of the last request. */
  #sent: readonly number[] = [];
  /** Whether its records are in the journal already, so that nothing is lost with a rejected one. */
  readonly redelivered: boolean;

  /** `now`: epoch ms. */
  constructor(batch: Batch, now: number, { redelivered = false } = {}) {
    this.redelivered = redelivered;
    this.#bisector = new BatchBisector(0, { expendable: redelivered });
    this.#end = batch.end;
    this.append(batch, now);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Whether it gets no more records, however many of these are rejected. */
  get isFull(): boolean {
    const bytes = this.#entries.reduce((sum, { size }) => sum + size, 0);
    return this.size >= FULL.records || bytes >= FULL.bytes;
  }

  /** Where the next batch begins. */
  get end(): Position {
    return this.#end;
  }

  /** Adds records behind these, to be sent as a request of their own. */
  append({ entries, end }: Batch, now: number): void {
    const from = this.#entries.length;
    this.#entries.push(...entries);
    this.#bisector.append(entries.length);
    entries.forEach(({ unfit }, index) => {
      if (unfit !== undefined) this.#deadLetter(from + index, undefined, unfit, now);
    });
    this.#end = end;
  }

  /** The records of the next request, empty when all are settled. Records that became too old become dead letters. */
  next(now: number, { maxEventAge, alone, size }: RequestLimits): readonly BatchEntry[] {
    for (;;) {
      this.#sent = this.#bisector.next({ alone, most: size.most });
      const old = this.#sent.filter((index) => this.#ageOut(index, now, maxEventAge));
      if (old.length === 0) return this.#sent.flatMap((index) => this.#entries[index] ?? []);
    }
  }

  /** Applies the response to the last request. `size`: as for that request. */
  apply(response: ClassifiedResponse, now: number, size: RequestSize): Effect {
    if (response.kind === 'accepted') return this.#accept(response, now);
    const bisection = this.#bisect(response, this.#sent.length > size.proven);
    if (bisection?.kind === 'dead-letter') {
      this.#deadLetter(bisection.index, response.status, reasonOf(response), now);
    }
    const { stuck } = this.#bisector;
    const continues = doesContinue(response, bisection?.kind, stuck);
    return { delivered: 0, rejected: 0, bisection: bisection?.kind, stuck, continues };
  }

  /** How far it is settled without a hole, and the dead letters before that which were not taken yet. */
  takeAcknowledgement(): { readonly position: Position; readonly deadLetters: readonly DeadLetter[] } {
    const upTo = this.#bisector.settledUpTo;
    return { position: this.#entries[upTo]?.position ?? this.#end, deadLetters: this.#takeDeadLetters(upTo) };
  }

  /** What was settled since the last call, holes or not. */
  takeSettled(): Settled {
    const accepted = this.#accepted;
    this.#accepted = [];
    return { accepted, rejected: this.#takeDeadLetters(this.size) };
  }

  /** The positions of the records that are settled behind one that is not. */
  get settledPositions(): readonly Position[] {
    const { settledUpTo } = this.#bisector;
    return this.#entries
      .filter((_, index) => index >= settledUpTo && this.#bisector.isSettled(index))
      .map(({ position }) => position);
  }

  /** The dead letters before a position that were not taken yet. */
  deadLettersBefore(position: Position): readonly DeadLetter[] {
    return this.#deadLettersUpTo(this.#countBefore(position)).map(([, letter]) => letter);
  }

  /** Everything before a position was skipped, and its dead letters are committed. */
  skipTo(position: Position): void {
    const count = this.#countBefore(position);
    for (let index = 0; index < count; index += 1) this.#bisector.settle(index);
    this.#takeDeadLetters(count);
    if (isBefore(this.#end, position)) this.#end = position;
  }

  #accept(response: Accepted, now: number): Effect {
    const sent = this.#sent;
    const lost = response.duplicatesOnly ? 0 : Math.min(response.rejected, sent.length);
    this.#bisector.accept({ some: lost < sent.length });
    const { indices, reason } = this.#rejectedBy(response, lost);
    for (const index of sent) {
      if (indices.has(index)) this.#deadLetter(index, response.status, reason, now);
      else this.#accepted.push(...this.#entries.slice(index, index + 1));
    }
    const { stuck } = this.#bisector;
    return { delivered: sent.length - lost, rejected: lost, bisection: undefined, stuck, continues: true };
  }

  /** Which records of the last request a partial success is about: all of them, unless it names those it rejected. */
  #rejectedBy(
    { words, named }: Accepted,
    lost: number,
  ): { readonly indices: ReadonlySet<number>; readonly reason: string } {
    const sent = this.#sent;
    if (lost === 0) return { indices: new Set(), reason: '' };
    const found = sent.filter((index) => this.#isNamed(index, named));
    if (found.length === lost) return { indices: new Set(found), reason: words };
    const reason = `perhaps rejected: ${lost} of ${sent.length} records sent together were; ${words}`;
    return { indices: new Set(sent), reason };
  }

  #isNamed(index: number, named: readonly string[]): boolean {
    const entry = this.#entries[index];
    return entry !== undefined && named.includes(idOf(entry.page, entry.stored));
  }

  #bisect(response: Exclude<ClassifiedResponse, Accepted>, larger: boolean): Bisection | undefined {
    if (response.kind === 'rejected') return this.#bisector.reject(response);
    if (response.kind === 'paused') return response.perhapsRecord ? this.#bisector.pause() : undefined;
    return response.suspicion && this.#bisector.retry(response.suspicion, { larger });
  }

  #takeDeadLetters(upTo: number): readonly DeadLetter[] {
    const letters = this.#deadLettersUpTo(upTo);
    for (const [index] of letters) this.#deadLetters.delete(index);
    return letters.map(([, letter]) => letter);
  }

  #deadLettersUpTo(index: number): readonly (readonly [number, DeadLetter])[] {
    return [...this.#deadLetters].filter(([own]) => own < index).toSorted(([a], [b]) => a - b);
  }

  #countBefore(position: Position): number {
    const first = this.#entries.findIndex((entry) => !isBefore(entry.position, position));
    return first === -1 ? this.#entries.length : first;
  }

  #ageOut(index: number, now: number, maxEventAge: number | undefined): boolean {
    const reason = tooOld(this.#entries[index]?.at ?? now, now, maxEventAge);
    if (reason === undefined) return false;
    this.#deadLetter(index, undefined, reason, now);
    return true;
  }

  #deadLetter(index: number, status: number | undefined, reason: string, now: number): void {
    const entry = this.#entries[index];
    if (entry === undefined) return;
    this.#bisector.settle(index);
    this.#deadLetters.set(index, deadLetterOf(entry, status, reason, now));
  }
}

function doesContinue(
  response: Exclude<ClassifiedResponse, Accepted>,
  bisection: Bisection['kind'] | undefined,
  stuck: boolean,
): boolean {
  if (response.kind === 'rejected') return !stuck;
  if (response.kind === 'paused') return bisection !== undefined && !stuck;
  return response.suspicion === 'unanswered' && (bisection === 'split' || bisection === 'dead-letter');
}

/** Why a record that was rejected alone is a dead letter. */
function reasonOf(response: ClassifiedResponse): string {
  const { status, words } = response;
  if (response.kind !== 'retry' || response.suspicion !== 'unanswered') return words || `HTTP ${status}`;
  return `the receiver never answered a request with this record alone, though it accepted others: ${words}`;
}
