import { setImmediate as nextTurn } from 'node:timers/promises';
import { longestWaitingFirst } from '../collect/due.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { type Journal, JournalWriteError, LeaseLostError } from '../journal/journal.ts';
import type { Hold, Leases, LeaseView, Subject, Wants } from '../journal/leases.ts';
import type { ReplicaFigures } from '../observe/snapshot.ts';
import { type Reports, storedReports } from '../observe/status.ts';
import type { Holds, Work } from './holds.ts';
import { ShareMemory } from './share-memory.ts';

export interface FairShareParts {
  readonly leases: Leases;
  readonly journal: Pick<Journal, 'streams' | 'states'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a lease lasts, milliseconds. */
  readonly lease: number;
  /** Ends collecting: from then on nothing is taken. */
  readonly collecting: AbortSignal;
  /** Ends delivering. */
  readonly delivering: AbortSignal;
  /** Ends all loops of the app. */
  abort(): void;
}

/** Leases are renewed so often in the length of one; while there is more to do at once, or the database is away, more often. */
const RENEWALS = 3;
const TRIES = 15;

/** At a start, or when others have died, thousands may be free. So many are taken at a time, for those who join meanwhile. */
const TAKEN_AT_ONCE = 200;

/** What has ended is given back together with what ends in this time. Milliseconds. */
const GATHERED_FOR = 100;

/** Works that begin in one turn of the event loop. */
const BEGUN_AT_ONCE = 20;

/** A work that is under way, or whose hold is about to be given back. */
interface Active {
  readonly hold: Hold;
  /** Ends the work, so that the hold can be given back. */
  readonly leaving: AbortController;
}

/**
 * Holds a fair share of the sources and destinations beside other replicas. Every third of a lease it renews what it
 * holds, takes what it lacks, and gives back what others lack.
 */
export class FairShare implements Holds {
  readonly #parts: FairShareParts;
  readonly #active = new Map<string, Active>();
  readonly #ended: Hold[] = [];
  readonly #takeovers = { source: 0, destination: 0 };
  readonly #lost = { source: 0, destination: 0 };
  #shares: Record<Subject['kind'], ShareMemory> | undefined;
  #wants: Wants = { source: 0, destination: 0 };
  #others = 0;
  #failure: { readonly error: unknown } | undefined;
  #releasing: Promise<void> | undefined;
  /** Under way; renewals do not wait for it, since it waits for its turn at the database behind all work. */
  #taking: Promise<void> | undefined;
  /** When the last round began, epoch ms; undefined before the first look at the leases. */
  #roundAt: number | undefined;
  #wake = new AbortController();

  constructor(parts: FairShareParts) {
    this.#parts = parts;
    for (const signal of [parts.collecting, parts.delivering])
      signal.addEventListener('abort', () => this.#wake.abort(), { once: true });
  }

  has(subject: Subject): boolean {
    return this.#active.get(keyOf(subject))?.hold.signal.aborted === false;
  }

  get replica(): ReplicaFigures {
    const { name } = this.#parts.leases.replica;
    const held = { source: this.#held('source').length, destination: this.#held('destination').length };
    return { name, held, others: this.#others, takeovers: this.#takeovers, lost: this.#lost };
  }

  async run(subjects: readonly Subject[], work: Work): Promise<void> {
    const namesOf = (kind: Subject['kind']) =>
      subjects.filter((subject) => subject.kind === kind).map(({ name }) => name);
    const [sources, destinations] = [namesOf('source'), namesOf('destination')];
    this.#shares = {
      source: new ShareMemory('source', sources),
      destination: new ShareMemory('destination', destinations),
    };
    this.#wants = { source: sources.length, destination: destinations.length };
    while (!this.#isOver) {
      this.#wake = new AbortController();
      const next = await this.#tick(work);
      if (!this.#isOver) await this.#parts.clock.sleep(next, this.#wake.signal).catch(() => undefined);
    }
    await this.#releasing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Whether this replica takes nothing more. */
  get #isLeaving(): boolean {
    const { collecting, delivering } = this.#parts;
    return collecting.aborted || delivering.aborted;
  }

  get #isOver(): boolean {
    return this.#parts.delivering.aborted && this.#active.size === 0 && this.#taking === undefined;
  }

  /** Renews, gives back and takes. Returns after how many milliseconds the next tick is due. */
  async #tick(work: Work): Promise<number> {
    const { leases, lease, clock } = this.#parts;
    const began = clock.now();
    try {
      const shares = !this.#isLeaving;
      const view = await leases.renew({
        shares,
        wants: shares ? this.#wants : { source: 0, destination: 0 },
      });
      this.#others = view.replicas.filter((replica) => replica.shares && replica.id !== view.self).length;
      // Who starts at the same time should be seen before anything is taken.
      const isFirst = this.#roundAt === undefined;
      this.#roundAt ??= began;
      if (isFirst) return lease / TRIES;
      const isDone = !shares || this.#follow(view, work);
      return Math.max(0, lease / (isDone ? RENEWALS : TRIES) - Math.abs(clock.now() - began));
    } catch (error) {
      this.#tolerate(error);
      return lease / TRIES;
    }
  }

  /** Without the database the holds end by themselves, before their leases do. */
  #tolerate(error: unknown): void {
    if (!(error instanceof JournalWriteError)) return this.#fail(error);
    this.#parts.log.debug({ err: error }, 'The leases could not be read or written; retrying.');
  }

  /** Does what the shares ask for. Returns whether that is all: what is left is taken soon. */
  #follow(view: LeaseView, work: Work): boolean {
    const isRound = this.#isNextRound();
    const wants = { source: 0, destination: 0 };
    const wanted: Subject[] = [];
    let isDone = true;
    for (const kind of ['source', 'destination'] as const) {
      const held = this.#held(kind);
      const staying = held.filter(({ leaving }) => !leaving.signal.aborted);
      const plan = this.#shares?.[kind].plan(view, {
        held: staying.map(({ hold }) => hold.subject.name),
        leaving: held.length - staying.length,
        isRound,
      });
      for (const name of plan?.giveBack ?? []) this.#active.get(keyOf({ kind, name }))?.leaving.abort();
      // What was held here a moment ago may still be ending.
      const take = plan?.take.filter((name) => !this.#active.has(keyOf({ kind, name }))) ?? [];
      const now = take.slice(0, TAKEN_AT_ONCE);
      wanted.push(...now.map((name) => ({ kind, name })));
      wants[kind] = (plan?.wants ?? 0) + take.length - now.length;
      isDone &&= now.length === take.length;
    }
    this.#wants = wants;
    if (this.#taking !== undefined) return false;
    if (wanted.length === 0) return true;
    this.#taking = this.#take(wanted, work)
      .catch((error: unknown) => this.#tolerate(error))
      .finally(() => {
        this.#taking = undefined;
        if (this.#isOver) this.#wake.abort();
      });
    return isDone;
  }

  /** Every other replica has renewed in a round; timers may be a little early. */
  #isNextRound(): boolean {
    const { clock, lease } = this.#parts;
    const now = clock.now();
    if (Math.abs(now - (this.#roundAt ?? 0)) < (0.9 * lease) / RENEWALS) return false;
    this.#roundAt = now;
    return true;
  }

  async #take(wanted: readonly Subject[], work: Work): Promise<void> {
    const { leases, journal } = this.#parts;
    const taken = new Map((await leases.take(wanted)).map((hold) => [keyOf(hold.subject), hold]));
    if (taken.size === 0) return;
    const holds = [...taken.values()];
    try {
      const reports = storedReports(await journal.states.all());
      const first = await longestWaitingFirst(
        journal.streams,
        holds.map(({ subject }) => subject),
      );
      this.#log('Took over sources or destinations.', first);
      for (const [index, subject] of first.entries()) {
        const hold = taken.get(keyOf(subject));
        if (hold !== undefined) this.#begin(hold, reports, work);
        if (index % BEGUN_AT_ONCE === BEGUN_AT_ONCE - 1) await nextTurn();
      }
    } catch (error) {
      // Nothing has begun: another may take them, or this one at a later tick.
      for (const hold of holds) if (!this.#active.has(keyOf(hold.subject))) this.#giveBack(hold);
      throw error;
    }
  }

  #begin(hold: Hold, reports: Reports, work: Work): void {
    const leaving = new AbortController();
    const ending = AbortSignal.any([hold.signal, leaving.signal]);
    this.#active.set(keyOf(hold.subject), { hold, leaving });
    this.#takeovers[hold.subject.kind] += 1;
    void work({ hold, ending, reports })
      .catch((error: unknown) => this.#fail(error))
      .then(() => this.#end(hold));
  }

  /** The work on a hold has ended, so the subject can be taken again, here too. */
  #end(hold: Hold): void {
    if (isLost(hold)) this.#lost[hold.subject.kind] += 1;
    this.#giveBack(hold);
  }

  #giveBack(hold: Hold): void {
    this.#ended.push(hold);
    this.#releasing ??= this.#release().finally(() => {
      this.#releasing = undefined;
    });
  }

  /** Gives back the holds whose work has ended, those that end meanwhile too. */
  async #release(): Promise<void> {
    do {
      // Works that were told to end together end soon after one another: one line of the log for many of them.
      await this.#parts.clock.sleep(GATHERED_FOR);
      const ended = this.#ended.splice(0);
      const subjects = ended.filter((hold) => !isLost(hold)).map(({ subject }) => subject);
      try {
        await this.#parts.leases.release(ended);
        if (subjects.length > 0) this.#log('Gave back sources or destinations.', subjects);
      } catch (error) {
        // Their leases run out by themselves.
        if (!(error instanceof JournalWriteError)) this.#fail(error);
      }
      this.#forget(ended);
    } while (this.#ended.length > 0);
  }

  #forget(holds: readonly Hold[]): void {
    for (const { subject } of holds) this.#active.delete(keyOf(subject));
    if (this.#isOver) this.#wake.abort();
  }

  #held(kind: Subject['kind']): readonly Active[] {
    return [...this.#active.values()].filter(
      ({ hold }) => hold.subject.kind === kind && !hold.signal.aborted,
    );
  }

  /** The first failure ends everything. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#parts.abort();
  }

  /** One line however many there are; each by its name at `debug`. */
  #log(message: string, subjects: readonly Subject[]): void {
    const { log, leases } = this.#parts;
    const names = (kind: Subject['kind']) =>
      subjects.filter((subject) => subject.kind === kind).map(({ name }) => name);
    const [sources, destinations] = [names('source'), names('destination')];
    const counts = { sources: sources.length, destinations: destinations.length };
    const replica = leases.replica.name;
    log.info({ penstock: { replica, count: counts, replicas: this.#others + 1 } }, message);
    log.debug({ penstock: { replica, sources, destinations } }, message);
  }
}

function isLost({ signal }: Hold): boolean {
  return signal.reason instanceof LeaseLostError;
}

function keyOf({ kind, name }: Subject): string {
  return `${kind} ${name}`;
}
