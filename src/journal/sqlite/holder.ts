import { readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Holder } from '../errors.ts';
import { replaceFile, type StateFiles } from './files.ts';

/**
 * Notes who holds the state, for whoever comes second: beside the database, since the database may still have to be made.
 * Only words are lost where it cannot be noted. Disposing takes the note back.
 */
export function noteHolder({ holder }: StateFiles, command: string | undefined, now: number): Disposable {
  const noted: Holder = { host: hostname(), pid: process.pid, since: new Date(now).toISOString(), command };
  const content = `${JSON.stringify(noted)}\n`;
  attempt(() => replaceFile(holder, content));
  return {
    [Symbol.dispose]: () =>
      attempt(() => {
        if (readFileSync(holder, 'utf8') === content) rmSync(holder);
      }),
  };
}

/** What fails here (a full disk, a directory that was removed) is found where something is written that matters. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Whoever comes second is told less.
  }
}

/** Who noted itself last: whoever holds the lock, except in the instant after it was taken. */
export function currentHolder({ holder }: StateFiles): Holder | undefined {
  try {
    return JSON.parse(readFileSync(holder, 'utf8')) as Holder;
  } catch {
    // Nobody has noted itself yet, or could.
    return undefined;
  }
}
