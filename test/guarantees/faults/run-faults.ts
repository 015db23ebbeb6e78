import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Fault } from './fault.ts';
import { FAULTS, MODELS, titlePattern } from './faults.ts';

/** A fault, and what is at fault. */
export interface FaultToRun extends Fault {
  readonly side: string;
}

/** What the tests of one fault found. */
export interface FaultOutcome extends FaultToRun {
  readonly passed: number;
  readonly failed: number;
  /** Where a tool or a right is missing. */
  readonly skipped: number;
}

interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly status: string;
}

const ROOT = new URL('../../..', import.meta.url).pathname;

/** Histories that each model draws. */
export const MODEL_RUNS = 500;

export const FAULTS_TO_RUN: readonly FaultToRun[] = Object.entries(FAULTS).flatMap(([side, some]) =>
  some.map((fault) => ({ ...fault, side })),
);

/** Draws the histories of all models of vendors. */
export async function runModels(seed: number): Promise<readonly FaultOutcome[]> {
  const models = FAULTS_TO_RUN.filter(({ side }) => side === MODELS);
  const draws = { PENSTOCK_MODEL_RUNS: String(MODEL_RUNS), PENSTOCK_SEED: String(seed) };
  const results = await runTests(filesOf(models), [], draws);
  return models.map((fault) => outcomeOf(fault, results));
}

/** Runs the tests of all other faults, each once. `short`: only those of this suite, because CI runs the others anyway. */
export async function runFaults({ short }: { readonly short: boolean }): Promise<readonly FaultOutcome[]> {
  const faults = FAULTS_TO_RUN.filter(
    ({ file, side }) => side !== MODELS && (!short || file.startsWith('test/guarantees/')),
  );
  const whole = filesOf(faults.filter(({ title }) => title === undefined));
  const parts = faults.filter(({ file }) => !whole.includes(file));
  const patterns = parts.map(({ title = '' }) => titlePattern(title)).join('|');
  const results = [...(await runTests(whole, [])), ...(await runTests(filesOf(parts), ['-t', patterns]))];
  return faults.map((fault) => outcomeOf(fault, results));
}

function filesOf(faults: readonly Fault[]): readonly string[] {
  return [...new Set(faults.map(({ file }) => file))];
}

function outcomeOf(fault: FaultToRun, results: readonly TestResult[]): FaultOutcome {
  const pattern = new RegExp(titlePattern(fault.title ?? ''));
  const own = results.filter(({ file, name }) => file.endsWith(fault.file) && pattern.test(name));
  const count = (...statuses: readonly string[]) =>
    own.filter(({ status }) => statuses.includes(status)).length;
  return {
    ...fault,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped', 'pending', 'todo', 'disabled'),
  };
}

/** What is wrong with the outcome of a fault; undefined when its guarantee was shown to hold. */
export function problemOf({ passed, failed }: FaultOutcome): string | undefined {
  if (failed > 0) return `${failed} of its tests failed`;
  return passed === 0 ? 'none of its tests ran' : undefined;
}

async function runTests(
  files: readonly string[],
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly TestResult[]> {
  if (files.length === 0) return [];
  const directory = await mkdtemp(join(tmpdir(), 'penstock-faults-'));
  try {
    const report = join(directory, 'report.json');
    const child = spawn(
      join(ROOT, 'node_modules/.bin/vitest'),
      [
        'run',
        '--config=test/vitest.config.ts',
        '--project=fast',
        '--project=system',
        '--project=guarantees',
        '--project=image',
        // Two cores have time for two files, also of those that start processes.
        '--fileParallelism=true',
        '--maxWorkers=2',
        '--testTimeout=3600000',
        '--maxConcurrency=2',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...flags,
        ...files,
      ],
      { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } },
    );
    await once(child, 'close');
    return testsOf(JSON.parse(await readFile(report, 'utf8')) as Report);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The parts that are used here of Vitest's report. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

function testsOf({ testResults }: Report): readonly TestResult[] {
  return testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ fullName: name, status }) => ({ file, name, status })),
  );
}
