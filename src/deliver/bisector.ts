import type { Suspicion } from './classify-response.ts';

/** Part of a batch, sent as one request. */
interface Range {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Answers in a row for which waiting alone may not help. */
  readonly troubles: number;
  /** Part of a request that was never answered. */
  readonly suspect?: boolean;
  /** How many requests had been taken when it was refused; undefined when it never was. */
  readonly refusedAt?: number;
}

/** What a refusal led to. held: it may be the receiver that refuses everything; nothing is condemned yet. */
export type Refusal =
  | { readonly kind: 'split' | 'held' }
  | { readonly kind: 'condemned'; readonly index: number };

/** After so many troubled answers the same request is not repeated unchanged. */
const ENOUGH_TROUBLE = 3;

/** So many requests in a row without an answer do not come of a moment's trouble. */
const ENOUGH_SILENCE = 2;

/** So many single records refused, and none taken, say that everything is refused. */
const ENOUGH_HELD = 4;

/** From so many of the records held last the next one tried keeps its distance. */
const RECENTLY_HELD = 16;

/**
 * A batch on its way: which records are settled, and which to send next. A refused request is halved down to the
 * record at fault, k of n in O(k log n) requests, and what was taken is never sent again. A single refused record is
 * condemned only when another was taken since the batch's first refusal; until then it is held and others are tried,
 * so that a receiver that refuses everything costs no record. Knows only indices: no time, no network.
 */
export class Shipment {
  #size = 0;
  readonly #settled = new Set<number>();
  #settledUpTo = 0;
  /** Left to right, disjoint; records of them may be settled already. */
  #pending: Range[] = [];
  /** Single records refused before any was taken, longest ago first; of pending ranges too. */
  #held: Range[] = [];
  #sent: Range | undefined;
  #acceptances = 0;
  /** How many requests had been taken when the destination was paused first. */
  #pausedAt: number | undefined;
  /** It was paused before anything of this was sent. */
  #resumed = false;
  readonly #expendable: boolean;

  /** `expendable`: a single record refused is condemned at once, because nothing is lost by it. */
  constructor(size: number, { expendable = false } = {}) {
    this.#expendable = expendable;
    this.append(size);
  }

  get size(): number {
    return this.#size;
  }

  /** More records, to be sent as a request of their own. */
  append(count: number): void {
    if (count > 0) this.#pending.push({ from: this.#size, to: this.#size + count, troubles: 0 });
    this.#size += count;
  }

  /** Everything before this index is settled. */
  get settledUpTo(): number {
    return this.#settledUpTo;
  }

  /** Whether everything that was tried is refused: there is nothing better to do than to try another one later. */
  get stuck(): boolean {
    const open = this.#size - this.#settled.size;
    return this.#trying && open > 0 && this.#held.length >= Math.min(ENOUGH_HELD, open);
  }

  isSettled(index: number): boolean {
    return this.#settled.has(index);
  }

  /** Takes a record out: it went, or will go, where it belongs by another way. */
  settle(index: number): void {
    this.#settled.add(index);
    while (this.#settled.has(this.#settledUpTo)) this.#settledUpTo += 1;
    this.#held = this.#held.filter(({ from }) => from !== index);
  }

  /**
   * Indices of the next request, at most `most`, empty when everything is settled. `alone`: only one, to find out how
   * things are while the destination is paused.
   */
  next({ alone = false, most = Infinity } = {}): readonly number[] {
    if (alone && this.#pausedAt === undefined) {
      this.#pausedAt = this.#acceptances;
      this.#resumed = this.#sent === undefined;
    }
    this.#pending = this.#pending.filter((range) => this.#open(range).length > 0);
    this.#sent = this.#cut(this.#choose(alone), most);
    return this.#lastSent();
  }

  /** The last request was taken. `some`: at least one of its records was, as far as the answer tells. */
  accept({ some = true } = {}): void {
    for (const index of this.#lastSent()) this.settle(index);
    if (some) this.#acceptances += 1;
  }

  /** The last request was refused. `aboutItself`: by words about what was sent, so that a single record is at fault. */
  refuse({ aboutItself = false } = {}): Refusal {
    const [sent, indices] = [this.#sent, this.#lastSent()];
    if (sent === undefined) return { kind: 'held' };
    const refused = { ...sent, troubles: 0, refusedAt: sent.refusedAt ?? this.#acceptances };
    if (indices.length > 1) return this.#split(sent, refused, indices);
    return aboutItself || this.#expendable || this.#provenAtFault(refused)
      ? this.#condemn(indices)
      : this.#hold(refused, indices);
  }

  /**
   * The last request met trouble for which waiting alone may not help. After some times it is split; a single record is
   * then refused, unless it was only too much. `larger`: than what was answered before, so that it is split at once.
   * Undefined: send it again.
   */
  trouble(suspicion: Suspicion, { larger = false } = {}): Refusal | undefined {
    const [sent, alone] = [this.#sent, this.#lastSent().length === 1];
    if (sent === undefined || (alone && suspicion === 'too-much')) return undefined;
    if (suspicion === 'unanswered') return this.#silence(sent, larger);
    const troubles = sent.troubles + 1;
    // While one by one is tried whether anything is taken at all, each is tried once and then the next.
    if (troubles >= ENOUGH_TROUBLE || (alone && this.#trying)) return this.refuse();
    this.#replace(sent, [{ ...sent, troubles, refusedAt: sent.refusedAt ?? this.#acceptances }]);
    return undefined;
  }

  /**
   * The last request was refused in a way that may be about the destination or about a record. Undefined: the
   * destination is to pause. It is about a record when another was taken since the first pause.
   */
  forbid(): Refusal | undefined {
    const [sent, indices] = [this.#sent, this.#lastSent()];
    if (sent === undefined) return undefined;
    const aboutRecord = this.#pausedAt !== undefined && this.#acceptances > this.#pausedAt;
    this.#pausedAt ??= this.#acceptances;
    const refused = { ...sent, troubles: sent.troubles + 1, refusedAt: this.#acceptances };
    if (indices.length > 1)
      return aboutRecord ? this.#split(sent, { ...refused, troubles: 0 }, indices) : undefined;
    if (this.#provenAtFault(sent) || (this.#expendable && sent.troubles > 0)) return this.#condemn(indices);
    // The next one tried is another: at once where every process begins with the same one.
    const held = this.#hold(refused, indices);
    return aboutRecord || (this.#resumed && !this.stuck) ? held : undefined;
  }

  /**
   * What is sent alone is at fault when it was not answered twice, and another request was taken since it was not
   * answered before, in company or alone: a receiver that stops answering in the middle of a batch costs no record.
   */
  #silence(sent: Range, larger: boolean): Refusal | undefined {
    const indices = this.#lastSent();
    const proven = this.#provenAtFault(sent);
    const troubles = sent.troubles + 1;
    const enough = troubles >= ENOUGH_SILENCE;
    if (indices.length > 1) {
      const range = { ...sent, troubles, refusedAt: this.#acceptances };
      if (enough || larger || sent.suspect === true) {
        return this.#split(sent, { ...range, troubles: 0, suspect: true }, indices);
      }
      this.#replace(sent, [range]);
      return undefined;
    }
    if (enough && (proven || this.#expendable)) return this.#condemn(indices);
    return this.#hold({ ...sent, troubles, ...(!proven && { refusedAt: this.#acceptances }) }, indices);
  }

  #condemn([index = 0]: readonly number[]): Refusal {
    this.settle(index);
    return { kind: 'condemned', index };
  }

  #hold(range: Range, [index = 0]: readonly number[]): Refusal {
    const others = this.#held.filter(({ from }) => from !== index);
    this.#held = [...others, { ...range, from: index, to: index + 1 }];
    return { kind: 'held' };
  }

  /** Whether single records are tried, because some were refused and none taken since. */
  get #trying(): boolean {
    return this.#held.length > 0 && !this.#held.some((range) => this.#provenAtFault(range));
  }

  /** Another record was taken since this one was refused first, so it is not the receiver that refuses everything. */
  #provenAtFault({ refusedAt }: Range): boolean {
    return refusedAt !== undefined && this.#acceptances > refusedAt;
  }

  #choose(alone: boolean): Range | undefined {
    const again = this.#held.find((range) => this.#provenAtFault(range));
    if (again !== undefined) return again;
    if (this.#trying) return this.#untried() ?? this.#held[0];
    const [range] = this.#pending;
    if (range === undefined || !alone) return range;
    return this.#oneOf(range, this.#open(range)[0] ?? range.from);
  }

  /** The first `most` records of it, the others behind them. */
  #cut(range: Range | undefined, most: number): Range | undefined {
    const end = range && this.#open(range)[most];
    if (range === undefined || end === undefined) return range;
    // What was not sent as it is now was not refused as it is now.
    const { refusedAt: _, ...fresh } = range;
    const first = { ...fresh, to: end, troubles: 0 };
    this.#replace(range, [first, { ...fresh, from: end, troubles: 0 }]);
    return first;
  }

  /** A record that was not refused alone yet, as far as can be from those that were: faults come in runs. */
  #untried(): Range | undefined {
    const held = new Set(this.#held.map(({ from }) => from));
    const recent = [...held].slice(-RECENTLY_HELD);
    const distance = (index: number) => Math.min(...recent.map((other) => Math.abs(index - other)));
    let farthest: { readonly range: Range; readonly index: number; readonly distance: number } | undefined;
    for (const range of this.#pending) {
      for (const index of this.#open(range)) {
        if (held.has(index) || distance(index) <= (farthest?.distance ?? 0)) continue;
        farthest = { range, index, distance: distance(index) };
      }
    }
    return farthest && this.#oneOf(farthest.range, farthest.index);
  }

  #oneOf(range: Range, index: number): Range {
    if (range.to - range.from === 1) return range;
    return { from: index, to: index + 1, troubles: 0 };
  }

  #split(sent: Range, refused: Range, indices: readonly number[]): Refusal {
    const middle = indices[Math.ceil(indices.length / 2)] ?? sent.from;
    this.#replace(sent, [
      { ...refused, to: middle },
      { ...refused, from: middle },
    ]);
    return { kind: 'split' };
  }

  #replace(sent: Range, ranges: readonly Range[]): void {
    const swap = (list: Range[]) => list.flatMap((range) => (range === sent ? ranges : [range]));
    this.#pending = swap(this.#pending);
    this.#held = swap(this.#held);
  }

  #lastSent(): readonly number[] {
    return this.#sent === undefined ? [] : this.#open(this.#sent);
  }

  #open({ from, to }: Range): number[] {
    const open: number[] = [];
    for (let index = from; index < to; index += 1) if (!this.#settled.has(index)) open.push(index);
    return open;
  }
}
