import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { FAULTS, MODELS, titlePattern } from '../guarantees/faults/faults.ts';
import { places, problemsOf } from '../guarantees/kills/matrix.ts';
import { pageOf } from '../guarantees/page/page.ts';
import { PAGE_FILE, readResults, type Results } from '../guarantees/results.ts';
import { FAULTS_TO_RUN, problemOf } from '../guarantees/faults/run-faults.ts';
import { SUBJECTS } from '../guarantees/subjects/subjects.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

let results: Partial<Results> & Pick<Results, 'kills' | 'random'>;

beforeAll(async () => {
  // Without kills the tests below fail.
  results = (await readResults()) as typeof results;
});

it('docs/guarantees.md is what the results of the last run give; edited by hand, it is not', () => {
  expect(readFileSync(PAGE_FILE, 'utf8')).toBe(pageOf(results));
});

it('the results have a cell for each source and each side of each step', () => {
  const wanted = places({ share: 1 }).map(
    ({ journal, subject, step, phase }) => `${journal.name}, ${subject.name}, ${phase} ${step}`,
  );

  const found = results.kills.cells.map(
    ({ journal, source, step, phase }) => `${journal}, ${source}, ${phase} ${step}`,
  );

  expect(found).toEqual(wanted);
});

it('in no cell was a record lost or sent as new, and each repeat was byte-identical and had its cause', () => {
  expect(results.kills.cells.flatMap(problemsOf)).toEqual([]);
});

it('random kills of all sources at once lost nothing', () => {
  const { lanes } = results.random;

  expect(lanes.reduce((sum, { kills }) => sum + kills, 0)).toBeGreaterThanOrEqual(1_000);
  for (const lane of lanes)
    expect(lane).toMatchObject({
      sources: SUBJECTS.length,
      lost: 0,
      asNew: 0,
      different: 0,
      trouble: [],
    });
});

it('the faults and models of the results are those of the suite, and each of them held', () => {
  const { faults, models } = results;
  const parts = { faults: (side: string) => side !== MODELS, models: (side: string) => side === MODELS };
  const outcomes = { faults: faults?.outcomes, models: models?.outcomes };

  for (const [part, isOf] of Object.entries(parts)) {
    const found = outcomes[part as keyof typeof outcomes];
    const wanted = FAULTS_TO_RUN.filter(({ side }) => isOf(side)).map(({ fault }) => fault);
    // A part that the last run left out has no results, and the page says so.
    expect(found === undefined ? wanted : found.map(({ fault }) => fault)).toEqual(wanted);
    expect((found ?? []).flatMap((outcome) => problemOf(outcome) ?? [])).toEqual([]);
    expect((found ?? []).filter(({ skipped }) => skipped > 0)).toEqual([]);
  }
});

it.each(Object.values(FAULTS).flat())('the test of the fault $fault exists', ({ file, title }) => {
  // Without a title, all tests of the file are meant.
  expect(readFileSync(join(ROOT, file), 'utf8')).toMatch(new RegExp(titlePattern(title ?? '')));
});
