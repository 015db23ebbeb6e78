import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type Fault, FAULTS, titlePattern } from './faults.ts';

/** What the tests of one fault found. */
export interface FaultOutcome extends Fault {
  readonly side: string;
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

const ROOT = new URL('../..', import.meta.url).pathname;

/** Runs the tests of all faults, each once; `short`: only those of this suite, because CI runs the others anyway. */
export async function runFaults({ short }: { readonly short: boolean }): Promise<readonly FaultOutcome[]> {
  const faults = Object.entries(FAULTS)
    .flatMap(([side, some]) => some.map((fault) => ({ ...fault, side })))
    .filter(({ file }) => !short || file.startsWith('test/guarantees/'));
  const whole = new Set(faults.filter(({ title }) => title === undefined).map(({ file }) => file));
  const parts = faults.filter(({ file }) => !whole.has(file));
  const patterns = parts.map(({ title = '' }) => titlePattern(title));
  const results = [
    ...(await runTests([...whole])),
    ...(await runTests([...new Set(parts.map(({ file }) => file))], patterns.join('|'))),
  ];
  return faults.map((fault) => outcomeOf(fault, results));
}

function outcomeOf(fault: Fault & { readonly side: string }, results: readonly TestResult[]): FaultOutcome {
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

async function runTests(files: readonly string[], pattern?: string): Promise<readonly TestResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-faults-'));
  try {
    const report = join(directory, 'report.json');
    const child = spawn(
      join(ROOT, 'node_modules/.bin/vitest'),
      [
        'run',
        '--config=test/vitest.config.ts',
        '--no-file-parallelism',
        '--project=fast',
        '--project=system',
        '--project=guarantees',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...(pattern === undefined ? [] : ['-t', pattern]),
        ...files,
      ],
      { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: process.env },
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
