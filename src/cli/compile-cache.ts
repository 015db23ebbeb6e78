import { mkdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Bits of a mode that let others than the owner write. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Lets Node keep the compiled code of this program for its next start, in `$XDG_CACHE_HOME/penstock`, by default
 * `~/.cache/penstock`. Node runs what it finds there, so the directory must belong to this user, and nobody else may write
 * to it. Without such a directory the program starts more slowly, and that is all. `NODE_COMPILE_CACHE` names another
 * directory; `NODE_DISABLE_COMPILE_CACHE=1` keeps nothing.
 */
export function keepCompiledCode(env: Readonly<Record<string, string | undefined>>): void {
  if (env['NODE_COMPILE_CACHE'] || env['NODE_DISABLE_COMPILE_CACHE']) return;
  try {
    const directory = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'penstock');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (isOurs(directory)) module.enableCompileCache(directory);
  } catch {
    // The directory cannot be made, or this user has no home directory.
  }
}

function isOurs(directory: string): boolean {
  const { uid, mode } = statSync(directory);
  return uid === process.geteuid?.() && (mode & WRITABLE_BY_OTHERS) === 0;
}
