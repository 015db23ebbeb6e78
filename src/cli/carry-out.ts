import { openApp } from '../runtime/app.ts';
import { mask } from '../core/secret.ts';
import { EXIT } from '../core/errors.ts';
import { isStateHeld, openJournalForRequests } from '../journal/sqlite/sqlite-journal.ts';
import { StateInUseError } from '../journal/sqlite/state-problems.ts';
import { follow, type Followed } from '../runtime/follow.ts';
import { begin, leave, type Wanted } from '../runtime/wanted.ts';
import { alone } from '../runtime/alone.ts';
import { type ExitCode, type Io, say } from './io.ts';
import { RequestDisplay } from './request-display.ts';
import type { Plan } from './set-up.ts';

interface Asking extends Plan {
  readonly want: Wanted;
}

interface Errand extends Asking {
  readonly json: boolean;
}

/**
 * Has something done by whoever holds the state, and follows it; where nobody does, this process does it. The exit code
 * is that of what was done.
 * @throws StateError when the state cannot be used
 */
export async function carryOut(io: Io, errand: Errand): Promise<ExitCode> {
  const display = new RequestDisplay(io, errand.json);
  for (;;) {
    const followed = (await byOneself(io, errand, display)) ?? (await askHolder(io, errand, display));
    if (followed.kind === 'abandoned' || followed.kind === 'unheard') continue;
    display.end();
    return conclude(io, errand, followed);
  }
}

/** Undefined: another process holds the state. */
async function byOneself(io: Io, errand: Errand, { show }: RequestDisplay): Promise<Followed | undefined> {
  const { config, log, want } = errand;
  const { clock, stop } = io;
  try {
    const how = { mode: 'run', command: nameOf(want), collecting: stop, delivering: stop } as const;
    await using app = await openApp({ ...io, config, log, ...how });
    const { journal, delivering: signal } = app;
    const id = await leave(journal, want, clock.now());
    await begin(journal, id);
    const following = follow(journal, id, { clock, signal, show, isServed: () => true });
    await alone(app, { request: id, polls: want.kind === 'backfill', until: following });
    return await following;
  } catch (error) {
    if (error instanceof StateInUseError) return undefined;
    throw error;
  }
}

/** The command that asks for it. */
function nameOf({ kind }: Wanted): string {
  return { backfill: 'backfill', replay: 'replay', retry: 'dead-letters retry', rewind: 'state rewind' }[
    kind
  ];
}

/** Leaves a request to the process that holds the state, and follows it. */
export async function askHolder(
  io: Io,
  { config, log, want }: Asking,
  { show, patience }: { show: RequestDisplay['show']; patience?: number },
): Promise<Followed> {
  const { clock, stop: signal } = io;
  await using journal = await openJournalForRequests({ ...config.state, clock, log });
  const id = await leave(journal, want, clock.now());
  const isServed = () => isStateHeld(config.state.path);
  return await follow(journal, id, {
    clock,
    signal,
    show,
    isServed,
    ...(patience !== undefined && { patience }),
  });
}

function conclude(
  io: Io,
  { want, json }: Errand,
  followed: Exclude<Followed, { kind: 'abandoned' | 'unheard' }>,
): ExitCode {
  if (followed.kind === 'finished') {
    const { code, message } = followed.outcome;
    if (code !== EXIT.done) say(io.stderr, `${message}\n`);
    else if (!json) say(io.stdout, `${message}\n`);
    return code;
  }
  const why = followed.kind === 'stuck' ? `${followed.why}\n` : '';
  io.stderr.write(
    mask(
      `${why}The ${want.kind} is not finished: it goes on in the daemon, or with its next start, or with this command.\n`,
    ),
  );
  return followed.kind === 'stopped' && want.kind === 'backfill' ? EXIT.incomplete : EXIT.undelivered;
}
