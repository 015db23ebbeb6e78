import { hostname } from 'node:os';
import process from 'node:process';
import type { StateConfig } from '../config/types.ts';
import type { Trouble } from '../core/state.ts';
import { type Holder, JournalWriteError, StateDiskError, StateInUseError } from '../journal/journal.ts';
import { holderOf } from '../journal/open.ts';
import type { Host } from './host.ts';
import type { LoadedConfig } from './reload.ts';

/** How often a daemon looks whether the command that holds the state has ended. Milliseconds. */
const LOOK_EVERY = 1_000;
/** How often a daemon tries a disk that was full or failed. Milliseconds. */
const TRY_EVERY = 5_000;

interface WaitParts<T> {
  readonly host: Pick<Host, 'clock' | 'stop'>;
  readonly loaded: LoadedConfig;
  /** Whether a disk that is full or fails is waited for too, and a database that does not answer. */
  readonly waitsForDisk: boolean;
  /** Opens what needs the state. */
  readonly open: () => Promise<T>;
  /** Called with why the state is not available, each time that `open` fails. */
  readonly onWait: (trouble: Trouble) => void;
}

/**
 * Opens what needs the state, and waits while a command holds the state. Undefined: a stop came meanwhile.
 * @throws StateError when the state cannot be used, also because another daemon has it.
 */
export async function openWhenAvailable<T>(parts: WaitParts<T>): Promise<T | undefined> {
  const { host, loaded, waitsForDisk, open, onWait } = parts;
  const { clock, stop } = host;
  const since = clock.now();
  let logged: string | undefined;
  while (!stop.aborted) {
    try {
      const opened = await open();
      if (logged !== undefined) loaded.log.info('The state is available again.');
      return opened;
    } catch (error) {
      const cause = causeOf(error, waitsForDisk);
      if (cause === undefined) throw error;
      const { detail, holder } = cause;
      if (detail !== logged) loaded.log.warn({ error: { message: detail } }, cause.message);
      logged = detail;
      onWait({ reason: 'state-unavailable', since, detail });
      if (holder === undefined) await clock.sleep(TRY_EVERY, stop).catch(() => undefined);
      else await untilReleased(host, loaded.config.state, holder);
    }
  }
  return undefined;
}

interface Cause {
  readonly message: string;
  readonly detail: string;
  /** The command that holds the state; undefined: it is the disk. */
  readonly holder: Holder | undefined;
}

/** Why opening failed, when that ends without an operator. */
function causeOf(error: unknown, waitsForDisk: boolean): Cause | undefined {
  if (error instanceof StateInUseError && error.holder !== undefined && isTemporary(error.holder)) {
    const { holder, message: detail } = error;
    return { message: 'Waiting for the state: a command holds it.', detail, holder };
  }
  if (!waitsForDisk || !(error instanceof StateDiskError || error instanceof JournalWriteError))
    return undefined;
  const message = 'Waiting for the state: it cannot be read or written.';
  return { message, detail: error.message, holder: undefined };
}

/** A command ends by itself, a daemon does not. */
function isTemporary(holder: Holder): boolean {
  if (holder.command === undefined) return false;
  return holder.command !== 'run' || hasEnded(holder);
}

/** After a kill, its file still names a daemon; the process that holds the state now is about to replace it. */
function hasEnded({ host, pid }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Only reads who holds the state: trying to lock it blocks the event loop, and so the probes. */
async function untilReleased(
  { clock, stop }: Pick<Host, 'clock' | 'stop'>,
  state: StateConfig,
  before: Holder,
): Promise<void> {
  do await clock.sleep(LOOK_EVERY, stop).catch(() => undefined);
  while (!stop.aborted && isSame(await holderOf(state), before));
}

function isSame(a: Holder | undefined, b: Holder): boolean {
  return a?.pid === b.pid && a.host === b.host && a.since === b.since;
}
