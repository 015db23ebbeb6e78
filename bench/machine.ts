import { execFileSync } from 'node:child_process';
import { fsyncSync, openSync, closeSync, readFileSync, writeSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { figureOf } from './measure.ts';

/** Where figures were measured, and of what. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** One synced write of 4 KiB to the disk that holds the state, milliseconds. */
  readonly syncMs: number;
  readonly node: string;
  readonly openTelemetry: Readonly<Record<string, string>>;
  /** The commit that was measured; with `+` when the tree was not as committed. */
  readonly commit: string;
}

const ROOT = join(import.meta.dirname, '..');
const PACKAGES = ['sdk-logs', 'exporter-logs-otlp-proto', 'exporter-logs-otlp-http'];

const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

export function describeMachine(directory: string): Machine {
  const [cpu] = cpus();
  // The report itself is written by the run.
  const changed = git(
    'status',
    '--porcelain',
    '--untracked-files=no',
    '--',
    '.',
    ':!bench/REPORT.md',
    ':!bench/report.*',
  );
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    syncMs: syncedWrite(join(directory, 'sync')),
    node: process.version,
    openTelemetry: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(`@opentelemetry/${name}`)])),
    commit: git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : '+'),
  };
}

function versionOf(name: string): string {
  const text = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The median of a hundred. */
function syncedWrite(path: string): number {
  const file = openSync(path, 'w');
  const times = Array.from({ length: 100 }, () => {
    const began = performance.now();
    writeSync(file, Buffer.alloc(4096));
    fsyncSync(file);
    return performance.now() - began;
  });
  closeSync(file);
  return figureOf(times).median;
}
