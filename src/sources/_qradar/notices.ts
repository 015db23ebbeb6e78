import type { Span } from '../../core/source.ts';
import { isoTime } from '../../ecs/time.ts';
import type { ConsoleRun } from './options.ts';

/** HTTP Basic calls are logins: each poll would find the ones before it. Said once per process. */
export function warnOfBasic(run: ConsoleRun): void {
  if (run.options.token !== undefined || !isFirst(run, 'basic')) return;
  run.log.warn(
    {},
    'This source polls with username and password: the console records each poll as a login attempt (HTTP_BASIC), which the next poll ships. Use the token of an authorized service instead.',
  );
}

/** Without the ADMIN capability, the list holds the caller's own attempts, and nothing says so. Said once per process. */
export function warnOfOwnRows(run: ConsoleRun, users: readonly string[] = []): void {
  if (users.length !== 1 || !isFirst(run, 'own rows')) return;
  run.log.warn(
    { user: { id: users[0] } },
    'All login attempts ever seen here are of one user: the credential may lack the ADMIN capability, and then is shown its own only. `penstock check` says what it may read.',
  );
}

/** Every jump is told, since it is followed once. */
export function warnOfClock(run: ConsoleRun, { from, to }: Span): void {
  run.log.warn(
    { event: { start: isoTime(from), end: isoTime(to) } },
    'The console’s clock went back, or ours was set forward: this span is read again, since new attempts may be dated in it. Keep both clocks synchronised.',
  );
}

/** A cache holds answers for so long that what is new is not seen. Said once per process. */
export function warnOfStaleAnswer(run: ConsoleRun, date: number): void {
  if (!isFirst(run, 'stale answer')) return;
  run.log.warn(
    { event: { created: isoTime(date) } },
    'A cache between here and the console gave an old answer: it covers what its Date says, and newer attempts wait. Make the cache leave /api/ alone.',
  );
}

function isFirst(run: ConsoleRun, notice: string): boolean {
  const first = !run.memo.has(notice);
  run.memo.set(notice, true);
  return first;
}
