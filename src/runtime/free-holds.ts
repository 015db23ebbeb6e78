import { longestWaitingFirst } from '../collect/due.ts';
import type { Clock } from '../core/clock.ts';
import { StateError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { type Journal, JournalWriteError } from '../journal/journal.ts';
import type { Hold, Leases, Subject } from '../journal/leases.ts';
import { storedReports } from '../observe/status.ts';
import type { DoneElsewhere, Holds, Work } from './holds.ts';
import { untilRead } from './until-read.ts';

/** How often a command looks for what has become free. Milliseconds. */
const LOOK_EVERY = 500;

/** A command takes no share of the work from those that go on after it. */
const COMMAND = { shares: false, wants: { source: 0, destination: 0 } } as const;

/** What is to be taken, by `keyOf`. */
type Waiting = Map<string, Subject>;

interface FreeParts {
  readonly journal: Pick<Journal, 'leases' | 'streams' | 'states'>;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a lease lasts, milliseconds. */
  readonly lease: number;
  /** Aborts when nothing must be taken any more. */
  readonly signal: AbortSignal;
  /** Ends all loops of the app. */
  abort(): void;
}

/**
 * For commands beside replicas: takes each subject once when nobody holds it, and gives it back when the work on it has
 * ended. What others hold is waited for, until it is free or done there.
 */
export class FreeHolds implements Holds {
  readonly replica = undefined;
  readonly #parts: FreeParts;
  /** By `keyOf`. */
  readonly #held = new Set<string>();
  #runs = 0;
  #renewing: Promise<void> = Promise.resolve();
  #ended = new AbortController();

  constructor(parts: FreeParts) {
    this.#parts = parts;
  }

  has(subject: Subject): boolean {
    return this.#held.has(keyOf(subject));
  }

  async run(subjects: readonly Subject[], work: Work, doneElsewhere: DoneElsewhere = nothing): Promise<void> {
    const { streams } = this.#parts.journal;
    const first = await untilRead(() => longestWaitingFirst(streams, subjects), this.#parts);
    const waiting = new Map(first.map((subject) => [keyOf(subject), subject]));
    this.#begin();
    try {
      await this.#workOnAll(waiting, work, doneElsewhere);
    } finally {
      await this.#end();
    }
  }

  /** Renews as long as there is a run: also while units end, because what they commit then needs its lease. */
  #begin(): void {
    this.#runs += 1;
    if (this.#runs > 1) return;
    this.#ended = new AbortController();
    this.#renewing = this.#renew(this.#ended.signal);
    // Awaited at the end.
    this.#renewing.catch(() => this.#parts.abort());
  }

  async #end(): Promise<void> {
    this.#runs -= 1;
    if (this.#runs > 0) return;
    this.#ended.abort();
    await this.#renewing;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { leases, clock, lease } = this.#parts;
    while (!signal.aborted) {
      await this.#trying(() => leases.renew(COMMAND));
      await clock.sleep(lease / 3, signal).catch(() => undefined);
    }
  }

  async #workOnAll(waiting: Waiting, work: Work, done: DoneElsewhere): Promise<void> {
    const { clock, signal } = this.#parts;
    const running = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    const fail = (error: unknown) => {
      failure ??= { error };
      this.#parts.abort();
    };
    const again = ({ subject }: Hold) => void waiting.set(keyOf(subject), subject);
    while (!signal.aborted && (waiting.size > 0 || running.size > 0)) {
      const look = this.#trying(async () => {
        for (const { hold, isLost } of await this.#take(waiting, work)) {
          const run: Promise<void> = isLost
            .then((lost) => (lost ? again(hold) : undefined), fail)
            .finally(() => running.delete(run));
          running.add(run);
        }
        if (waiting.size > 0 && !signal.aborted)
          for (const subject of await done([...waiting.values()])) waiting.delete(keyOf(subject));
      });
      await look.catch(fail);
      await Promise.race([...running, clock.sleep(LOOK_EVERY, signal).catch(() => undefined)]);
    }
    await Promise.all(running);
    if (failure !== undefined) throw failure.error;
  }

  /** Begins the work on what is free. `isLost`: whether a hold was lost before the work on it had ended. */
  async #take(waiting: Waiting, work: Work) {
    const { journal, leases } = this.#parts;
    if (waiting.size === 0) return [];
    const holds = await leases.take([...waiting.values()]);
    if (holds.length === 0) return [];
    const rows = await journal.states.all().catch(async (error: unknown) => {
      await leases.release(holds);
      throw error;
    });
    const reports = storedReports(rows);
    return holds.map((hold) => {
      waiting.delete(keyOf(hold.subject));
      return { hold, isLost: this.#workOn(hold, () => work({ hold, ending: hold.signal, reports })) };
    });
  }

  async #workOn(hold: Hold, work: () => Promise<void>): Promise<boolean> {
    this.#held.add(keyOf(hold.subject));
    try {
      await work();
      return hold.signal.aborted;
    } finally {
      this.#held.delete(keyOf(hold.subject));
      // One that is not given back runs out.
      await this.#trying(() => this.#parts.leases.release([hold]));
    }
  }

  /** The database may be away for a while: what was tried is tried again later. */
  async #trying(attempt: () => Promise<unknown>): Promise<void> {
    try {
      await attempt();
    } catch (error) {
      if (error instanceof StateError || !(error instanceof JournalWriteError)) throw error;
      this.#parts.log.debug({ err: error }, 'The leases could not be read or written; retrying.');
    }
  }
}

async function nothing(): Promise<readonly Subject[]> {
  return [];
}

function keyOf({ kind, name }: Subject): string {
  return `${kind} ${name}`;
}
