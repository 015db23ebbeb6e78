import { hostname } from 'node:os';
import { JournalWriteError } from '../journal/sqlite/errors.ts';
import type { Holder } from '../journal/sqlite/holder.ts';
import { stateHolder } from '../journal/sqlite/sqlite-journal.ts';
import { StateDiskError, StateInUseError } from '../journal/sqlite/state-problems.ts';
import type { Io } from '../cli/io.ts';
import type { Operations } from './admin-services.ts';
import type { Plan } from '../cli/set-up.ts';

/** How often it is looked whether a command has ended. Milliseconds. */
const LOOK_EVERY = 1_000;
/** How often a disk is tried that was full or failed. Milliseconds. */
const TRY_EVERY = 5_000;

interface Patience<T> {
  readonly operations: Operations;
  readonly plan: Plan;
  /** Whether a disk that is full or fails is waited for too: by a daemon that was running. */
  readonly outlastsDisk: boolean;
  readonly open: () => Promise<T>;
}

/**
 * Opens what needs the state, and waits while a command holds it, as loudly as it is seldom: readiness says so too.
 * Undefined: a stop came meanwhile.
 * @throws StateError when the state cannot be used, also because another daemon has it.
 */
export async function openPatiently<T>(io: Io, patience: Patience<T>): Promise<T | undefined> {
  const { operations, plan, outlastsDisk, open } = patience;
  const { clock, stop } = io;
  const since = clock.now();
  let told: string | undefined;
  while (!stop.aborted) {
    try {
      const opened = await open();
      if (told !== undefined) plan.log.info('The state can be used again: going on.');
      return opened;
    } catch (error) {
      const cause = whyWait(error, outlastsDisk);
      if (cause === undefined) throw error;
      if (cause.words !== told)
        plan.log.warn({ error: { message: cause.words } }, `Waiting, because ${cause.kind}: ${cause.words}`);
      told = cause.words;
      operations.lack({ reason: 'state-unavailable', since, detail: cause.words });
      await cause.passed(io, plan);
    }
  }
  return undefined;
}

interface Cause {
  readonly kind: string;
  readonly words: string;
  /** Resolves when it is worth trying again, or at the stop. */
  passed(io: Io, plan: Plan): Promise<void>;
}

function whyWait(error: unknown, outlastsDisk: boolean): Cause | undefined {
  if (error instanceof StateInUseError && mayEnd(error.holder)) {
    const { holder, message } = error;
    return {
      kind: 'a command holds the state',
      words: message,
      passed: (io, plan) => changedHands(io, plan, holder),
    };
  }
  if (!outlastsDisk || !(error instanceof StateDiskError || error instanceof JournalWriteError))
    return undefined;
  return {
    kind: 'the state cannot be written or read',
    words: error.message,
    passed: (io) => rest(io, TRY_EVERY),
  };
}

/** A command ends by itself, a daemon does not. */
function mayEnd(holder: Holder | undefined): boolean {
  if (holder?.command === undefined) return false;
  return holder.command !== 'run' || hasEnded(holder);
}

/** A daemon that was killed: who holds the state now is about to say so. */
function hasEnded({ host, pid }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Looks without trying to take the state: trying holds up the event loop, and so the probes. */
async function changedHands(io: Io, { config }: Plan, before: Holder | undefined): Promise<void> {
  do await rest(io, LOOK_EVERY);
  while (!io.stop.aborted && isSame(stateHolder(config.state.path), before));
}

async function rest({ clock, stop }: Io, ms: number): Promise<void> {
  await clock.sleep(ms, stop).catch(() => undefined);
}

function isSame(a: Holder | undefined, b: Holder | undefined): boolean {
  return a?.pid === b?.pid && a?.host === b?.host && a?.since === b?.since;
}
