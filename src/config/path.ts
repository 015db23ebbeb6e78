import { homedir } from 'node:os';
import { resolve } from 'node:path';

/**
 * The absolute form of a path as an operator writes it: relative ones count from `cwd`, and `~` and `~/…` are in the home
 * directory, since no shell expands it in a file.
 */
export function absolutePath(cwd: string, path: string): string {
  return resolve(
    cwd,
    path.replace(/^~(?=\/|$)/, () => homedir()),
  );
}

/** Whether it names the home of another user (`~ann/…`), which is not looked up. */
export function namesOtherHome(path: string): boolean {
  return /^~[^/]/.test(path);
}
