/** Shows that the guarantees hold, and writes what it found (`npm run test:guarantees -- --help`). */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { explain } from '../../src/core/errors.ts';
import { JOURNALS } from './kills/journals.ts';
import { readOptions, type RunOptions, USAGE } from './options.ts';
import { pageOf } from './page/page.ts';
import { type Report, RUN } from './parts.ts';
import { PAGE_FILE, readResults, type Results, RESULTS_FILE, type Stamp, versions } from './results.ts';

const ARGUMENTS = process.argv.slice(2);

// The servers that it started end with it.
process.exit(await main());

async function main(): Promise<number> {
  const options = asked();
  if (options === undefined) return 2;
  if (!options.help) return run(options);
  say(USAGE);
  return 0;
}

function asked(): RunOptions | undefined {
  try {
    return readOptions(ARGUMENTS);
  } catch (error) {
    say(`${explain(error)} See: npm run test:guarantees -- --help`);
    return undefined;
  }
}

async function run(options: RunOptions): Promise<number> {
  const missing = options.parts.length === 0 ? [] : JOURNALS.flatMap((journal) => journal.missing ?? []);
  for (const reason of missing) say(`Nothing is shown on PostgreSQL, and no page is written: ${reason}`);
  const problems: string[] = [];
  const found = await runParts(options, { say, problem: (words) => problems.push(words) });
  if (!options.short && options.only === undefined && missing.length === 0) await write(found);
  for (const words of problems) say(`FAILED ${words}`);
  say(conclusion(options, { problems: problems.length, isPartial: missing.length > 0 }));
  return problems.length === 0 ? 0 : 1;
}

function conclusion(
  { parts }: RunOptions,
  { problems, isPartial }: { readonly problems: number; readonly isPartial: boolean },
): string {
  if (problems > 0) return `${problems} guarantees did not hold.`;
  if (parts.length === 0) return 'Nothing was run. docs/guarantees.md was drawn from the last results.';
  return isPartial ? 'Every guarantee held on SQLite.' : 'Every guarantee held.';
}

async function runParts(options: RunOptions, report: Report): Promise<Partial<Results>> {
  const command = ['npm run test:guarantees', ...(ARGUMENTS.length > 0 ? ['--', ...ARGUMENTS] : [])];
  const date = `${new Date().toISOString().slice(0, 19)}Z`;
  const common = { command: command.join(' '), date, seed: options.seed, versions: versions() };
  const found: Record<string, unknown> = {};
  for (const part of options.parts) {
    const began = Date.now();
    const outcome = await RUN[part](options, report);
    const seconds = Math.round((Date.now() - began) / 1_000);
    report.say(`${part}: ${seconds} s`);
    found[part] = { ...({ ...common, seconds } satisfies Stamp), ...outcome };
  }
  return found;
}

/** What was not run now stays as it was found last. */
async function write(found: Partial<Results>): Promise<void> {
  const results = { ...(await readResults()), ...found };
  await writeFile(RESULTS_FILE, `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(PAGE_FILE, pageOf(results));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
