import { parseArgs } from 'node:util';
import type { JournalName } from './kills/steps.ts';
import { SUBJECTS } from './subjects/subjects.ts';

export const PARTS = ['kills', 'random', 'models', 'faults'] as const;
export type Part = (typeof PARTS)[number];

export const USAGE = `Shows that the guarantees hold, and writes what it found to test/guarantees/results.json and docs/guarantees.md.

    npm run test:guarantees                      everything, in about half an hour on two cores
    npm run test:guarantees -- kills faults      some parts: ${PARTS.join(', ')}
    npm run test:guarantees -- page              nothing is run: draws the page of the last results
    npm run test:guarantees -- --short           everything, but little of it, and no page
    npm run test:guarantees -- kills --only petra --seed 7     sources with such names, other moments; no page
`;

/** What is run. */
export interface RunOptions {
  readonly parts: readonly Part[];
  readonly short: boolean;
  readonly seed: number;
  /** Only sources whose names contain this. */
  readonly only?: string | undefined;
  readonly help: boolean;
}

/** @throws Error that says what is wrong with the arguments */
export function readOptions(args: readonly string[]): RunOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      short: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const known: readonly string[] = [...PARTS, 'page'];
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no part ${unknown}. Parts: ${known.join(', ')}.`);
  const { only } = values;
  if (only !== undefined && !SUBJECTS.some(({ name }) => name.includes(only)))
    throw new Error(
      `No source is named like ${only}. Sources: ${SUBJECTS.map(({ name }) => name).join('; ')}.`,
    );
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error(`--seed is a whole number, not ${values.seed}.`);
  const parts = PARTS.filter((part) => positionals.length === 0 || positionals.includes(part));
  return { ...values, seed, parts };
}

/** How much is run. */
export interface Size {
  /** See `places`. */
  readonly share: number;
  /** Processes at once that are killed at random, on each journal. */
  readonly lanes: number;
  /** Random kills of each. */
  readonly kills: Readonly<Record<JournalName, number>>;
  /** Times that each is stopped and goes on. */
  readonly stops: number;
  /** How long the random kills may take. Milliseconds. */
  readonly longest: number;
}

export function sizeOf({ short }: Pick<RunOptions, 'short'>): Size {
  if (short) return { share: 8, lanes: 1, kills: { SQLite: 15, PostgreSQL: 5 }, stops: 1, longest: 600_000 };
  return { share: 1, lanes: 2, kills: { SQLite: 430, PostgreSQL: 70 }, stops: 2, longest: 900_000 };
}
