import { rmSync } from 'node:fs';
import { mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { bundle } from '../../../bundle.ts';

interface Program {
  readonly path: string;
  /** Where its processes keep compiled code, so that each starts faster. */
  readonly cache: string;
}

let made: Promise<Program> | undefined;

/** `process.ts` in one bundle, as the program itself is: thousands of processes start from it. Removed with this process. */
export function bundledProgram(): Promise<Program> {
  made ??= make();
  return made;
}

async function make(): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-guarantees-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  await bundle({ process: 'test/guarantees/kills/process.ts' }, directory);
  // The program says its version.
  await symlink(join(import.meta.dirname, '../../../package.json'), join(directory, 'package.json'));
  return { path: join(directory, 'process.js'), cache: join(directory, 'cache') };
}
