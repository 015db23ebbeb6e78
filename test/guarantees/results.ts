import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { VERSION } from '../../src/core/version.ts';
import { programPath } from '../support/server-process.ts';
import type { Cell } from './kills/cell.ts';
import type { RandomKills } from './kills/random-kills.ts';
import type { FaultOutcome } from './faults/run-faults.ts';

/** How and when a part of the suite was run. */
export interface Stamp {
  readonly command: string;
  /** When the run began, RFC 3339, to the second. */
  readonly date: string;
  readonly seconds: number;
  readonly seed: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** What the last run of each part found: `results.json`, of which `docs/guarantees.md` is drawn. */
export interface Results {
  readonly kills: Stamp & { readonly cells: readonly Cell[] };
  readonly random: Stamp & { readonly lanes: readonly RandomKills[] };
  readonly models: Stamp & { readonly outcomes: readonly FaultOutcome[] };
  readonly faults: Stamp & { readonly outcomes: readonly FaultOutcome[] };
}

export const RESULTS_FILE = new URL('results.json', import.meta.url).pathname;
export const PAGE_FILE = new URL('../../docs/guarantees.md', import.meta.url).pathname;

export async function readResults(): Promise<Partial<Results>> {
  return existsSync(RESULTS_FILE)
    ? (JSON.parse(await readFile(RESULTS_FILE, 'utf8')) as Partial<Results>)
    : {};
}

/** What the figures depend on. */
export function versions(): Readonly<Record<string, string>> {
  using database = new DatabaseSync(':memory:');
  const sqlite = database.prepare('SELECT sqlite_version() AS version').get()?.['version'];
  const described = execFileSync('git', ['describe', '--always', '--dirty= with changes', '--exclude=*'], {
    encoding: 'utf8',
  });
  return {
    Penstock: `${VERSION} at ${described.trim()}`,
    Node: process.versions.node,
    SQLite: String(sqlite),
    PostgreSQL: postgresVersion(),
    [os.type()]: `${os.release().split('-')[0]}`,
  };
}

function postgresVersion(): string {
  const program = programPath('postgres');
  if (program === undefined) return 'absent';
  return execFileSync(program, ['--version'], { encoding: 'utf8' }).split(' ')[2] ?? '';
}
