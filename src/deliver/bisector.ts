import type { Suspicion } from './classify-response.ts';

/** Part of a batch, sent as one request. */
interface BatchPart {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Responses in a row for which waiting alone may not help. */
  readonly troubles: number;
  /** Part of a request that was never answered. */
  readonly suspect?: boolean;
  /** How many requests had been accepted when it was rejected first; undefined when it never was. */
  readonly rejectedAt?: number;
}

/**
 * What follows from a rejection. held: the receiver may reject everything, so that no record becomes a dead letter yet.
 * dead-letter: this record is at fault.
 */
export type Bisection =
  | { readonly kind: 'split' | 'held' }
  | { readonly kind: 'dead-letter'; readonly index: number };

/** After this many troubled responses in a row, a request is not sent again unchanged. */
const MOST_TROUBLES = 3;

/** After this many requests in a row without a response, the cause is not a passing failure. */
const MOST_UNANSWERED = 2;

/** When this many single records were rejected and none accepted, everything is rejected. */
const MOST_HELD = 4;

/** The next record to be tried is as far as possible from this many of the records held last. */
const RECENTLY_HELD = 16;

/**
 * Which records of a batch are settled, and which to send next. A rejected request is halved down to the record at
 * fault, k of n in O(k log n) requests, and what was accepted is never sent again. A single rejected record becomes a
 * dead letter only when another record was accepted since the first rejection. Until then it is held and others are
 * tried, so that a receiver that rejects everything costs no record.
 *
 * Knows indices only: no records, no clock, no network.
 */
export class BatchBisector {
  #size = 0;
  readonly #settled = new Set<number>();
  #settledUpTo = 0;
  /** Left to right, disjoint; some of their records may be settled. */
  #pending: BatchPart[] = [];
  /** Single records that were rejected before any was accepted, the oldest first. They are in pending parts too. */
  #held: BatchPart[] = [];
  #sent: BatchPart | undefined;
  #acceptances = 0;
  /** How many requests had been accepted when the destination was first paused. */
  #pausedAt: number | undefined;
  /** The destination was paused before anything of this batch was sent. */
  #resumed = false;
  readonly #expendable: boolean;

  /** `expendable`: nothing is lost with a rejected record, so a single one is given up at once. */
  constructor(size: number, { expendable = false } = {}) {
    this.#expendable = expendable;
    this.append(size);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds records, to be sent as a request of their own. */
  append(count: number): void {
    if (count > 0) this.#pending.push({ from: this.#size, to: this.#size + count, troubles: 0 });
    this.#size += count;
  }

  /** Everything before this index is settled. */
  get settledUpTo(): number {
    return this.#settledUpTo;
  }

  /** Whether everything that was tried is rejected, so that the destination must be tried again later. */
  get stuck(): boolean {
    const open = this.#size - this.#settled.size;
    return this.#trying && open > 0 && this.#held.length >= Math.min(MOST_HELD, open);
  }

  isSettled(index: number): boolean {
    return this.#settled.has(index);
  }

  /** The record is not sent any more: it was accepted, skipped, or becomes a dead letter. */
  settle(index: number): void {
    this.#settled.add(index);
    while (this.#settled.has(this.#settledUpTo)) this.#settledUpTo += 1;
    this.#held = this.#held.filter(({ from }) => from !== index);
  }

  /**
   * Indices of the next request, at most `most`, empty when everything is settled. `alone`: only one, to try a
   * destination that is paused.
   */
  next({ alone = false, most = Infinity } = {}): readonly number[] {
    if (alone && this.#pausedAt === undefined) {
      this.#pausedAt = this.#acceptances;
      this.#resumed = this.#sent === undefined;
    }
    this.#pending = this.#pending.filter((part) => this.#open(part).length > 0);
    this.#sent = this.#cut(this.#choose(alone), most);
    return this.#lastSent();
  }

  /** The last request was accepted. `some`: at least one of its records was, as far as the response tells. */
  accept({ some = true } = {}): void {
    for (const index of this.#lastSent()) this.settle(index);
    if (some) this.#acceptances += 1;
  }

  /** The last request was rejected. `aboutItself`: by words about what was sent, so a single record is at fault. */
  reject({ aboutItself = false } = {}): Bisection {
    const [sent, indices] = [this.#sent, this.#lastSent()];
    if (sent === undefined) return { kind: 'held' };
    const rejected = { ...sent, troubles: 0, rejectedAt: sent.rejectedAt ?? this.#acceptances };
    if (indices.length > 1) return this.#split(sent, rejected, indices);
    return aboutItself || this.#expendable || this.#provenAtFault(rejected)
      ? this.#deadLetter(indices)
      : this.#hold(rejected, indices);
  }

  /**
   * The last request is to be sent again, though waiting alone may not help. After some times it is split. A single
   * record is then rejected, unless it was only too much. `larger`: than what was accepted before, so that it is split
   * at once. Undefined: the same request again.
   */
  retry(suspicion: Suspicion, { larger = false } = {}): Bisection | undefined {
    const [sent, alone] = [this.#sent, this.#lastSent().length === 1];
    if (sent === undefined || (alone && suspicion === 'too-much')) return undefined;
    if (suspicion === 'unanswered') return this.#unanswered(sent, larger);
    const troubles = sent.troubles + 1;
    // While single records are tried, to see whether any is accepted, each is tried once before the next.
    if (troubles >= MOST_TROUBLES || (alone && this.#trying)) return this.reject();
    this.#replace(sent, [{ ...sent, troubles, rejectedAt: sent.rejectedAt ?? this.#acceptances }]);
    return undefined;
  }

  /**
   * The last request was rejected in a way that may be about the destination or about a record. It is about a record
   * when another was accepted since the first pause. Undefined: the destination is to pause.
   */
  pause(): Bisection | undefined {
    const [sent, indices] = [this.#sent, this.#lastSent()];
    if (sent === undefined) return undefined;
    const aboutRecord = this.#pausedAt !== undefined && this.#acceptances > this.#pausedAt;
    this.#pausedAt ??= this.#acceptances;
    const rejected = { ...sent, troubles: sent.troubles + 1, rejectedAt: this.#acceptances };
    if (indices.length > 1) {
      return aboutRecord ? this.#split(sent, { ...rejected, troubles: 0 }, indices) : undefined;
    }
    if (this.#provenAtFault(sent) || (this.#expendable && sent.troubles > 0))
      return this.#deadLetter(indices);
    // The next try is with another record: at once where each process would begin with the same one.
    const held = this.#hold(rejected, indices);
    return aboutRecord || (this.#resumed && !this.stuck) ? held : undefined;
  }

  /**
   * A single record is at fault when it was not answered twice, and another request was accepted since it was first not
   * answered, alone or with others. A receiver that stops answering in the middle of a batch thus costs no record.
   */
  #unanswered(sent: BatchPart, larger: boolean): Bisection | undefined {
    const indices = this.#lastSent();
    const proven = this.#provenAtFault(sent);
    const troubles = sent.troubles + 1;
    const enough = troubles >= MOST_UNANSWERED;
    if (indices.length > 1) {
      const part = { ...sent, troubles, rejectedAt: this.#acceptances };
      if (enough || larger || sent.suspect === true) {
        return this.#split(sent, { ...part, troubles: 0, suspect: true }, indices);
      }
      this.#replace(sent, [part]);
      return undefined;
    }
    if (enough && (proven || this.#expendable)) return this.#deadLetter(indices);
    return this.#hold({ ...sent, troubles, ...(!proven && { rejectedAt: this.#acceptances }) }, indices);
  }

  #deadLetter([index = 0]: readonly number[]): Bisection {
    this.settle(index);
    return { kind: 'dead-letter', index };
  }

  #hold(part: BatchPart, [index = 0]: readonly number[]): Bisection {
    const others = this.#held.filter(({ from }) => from !== index);
    this.#held = [...others, { ...part, from: index, to: index + 1 }];
    return { kind: 'held' };
  }

  /** Whether single records are tried, because some were rejected and none was accepted since. */
  get #trying(): boolean {
    return this.#held.length > 0 && !this.#held.some((part) => this.#provenAtFault(part));
  }

  /** Another record was accepted since this one was first rejected, so the receiver does not reject everything. */
  #provenAtFault({ rejectedAt }: BatchPart): boolean {
    return rejectedAt !== undefined && this.#acceptances > rejectedAt;
  }

  #choose(alone: boolean): BatchPart | undefined {
    const again = this.#held.find((part) => this.#provenAtFault(part));
    if (again !== undefined) return again;
    if (this.#trying) return this.#untried() ?? this.#held[0];
    const [part] = this.#pending;
    if (part === undefined || !alone) return part;
    return this.#oneOf(part, this.#open(part)[0] ?? part.from);
  }

  /** Its first `most` records; the others become a part behind them. */
  #cut(part: BatchPart | undefined, most: number): BatchPart | undefined {
    const end = part && this.#open(part)[most];
    if (part === undefined || end === undefined) return part;
    // A smaller request than the one that was rejected was not rejected yet.
    const { rejectedAt: _, ...fresh } = part;
    const first = { ...fresh, to: end, troubles: 0 };
    this.#replace(part, [first, { ...fresh, from: end, troubles: 0 }]);
    return first;
  }

  /** A record that was not rejected alone yet, as far as possible from those that were: faults come in runs. */
  #untried(): BatchPart | undefined {
    const held = new Set(this.#held.map(({ from }) => from));
    const recent = [...held].slice(-RECENTLY_HELD);
    const distance = (index: number) => Math.min(...recent.map((other) => Math.abs(index - other)));
    let farthest: { readonly part: BatchPart; readonly index: number; readonly distance: number } | undefined;
    for (const part of this.#pending) {
      for (const index of this.#open(part)) {
        if (held.has(index) || distance(index) <= (farthest?.distance ?? 0)) continue;
        farthest = { part, index, distance: distance(index) };
      }
    }
    return farthest && this.#oneOf(farthest.part, farthest.index);
  }

  #oneOf(part: BatchPart, index: number): BatchPart {
    if (part.to - part.from === 1) return part;
    return { from: index, to: index + 1, troubles: 0 };
  }

  #split(sent: BatchPart, rejected: BatchPart, indices: readonly number[]): Bisection {
    const middle = indices[Math.ceil(indices.length / 2)] ?? sent.from;
    this.#replace(sent, [
      { ...rejected, to: middle },
      { ...rejected, from: middle },
    ]);
    return { kind: 'split' };
  }

  #replace(sent: BatchPart, parts: readonly BatchPart[]): void {
    const swap = (list: BatchPart[]) => list.flatMap((part) => (part === sent ? parts : [part]));
    this.#pending = swap(this.#pending);
    this.#held = swap(this.#held);
  }

  #lastSent(): readonly number[] {
    return this.#sent === undefined ? [] : this.#open(this.#sent);
  }

  #open({ from, to }: BatchPart): number[] {
    const open: number[] = [];
    for (let index = from; index < to; index += 1) if (!this.#settled.has(index)) open.push(index);
    return open;
  }
}
