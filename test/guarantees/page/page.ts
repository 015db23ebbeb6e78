import { faultChapter, modelChapter } from './faults.ts';
import { killChapter, randomChapter } from './kills.ts';
import { minutes, sum, table } from './table.ts';
import { CLAIMS, LIMITS } from './text.ts';
import type { Results } from '../results.ts';
import { problemOf } from '../faults/run-faults.ts';

/** The page of the guarantees, of what the last run found. */
export function pageOf(results: Partial<Results>): string {
  const { kills, random, models, faults } = results;
  return [
    '# Guarantees',
    '<!-- Written by `npm run test:guarantees`. Do not edit: change test/guarantees, and run it. -->',
    INTRODUCTION,
    summary(results),
    CLAIMS,
    LIMITS,
    random && randomChapter(random),
    faultChapter(faults),
    modelChapter(models),
    kills && killChapter(kills),
  ]
    .flatMap((part) => (part === undefined ? [] : `${part.trim()}\n`))
    .join('\n');
}

const INTRODUCTION = `
Each guarantee with what keeps it and the test that shows it, then what the last run of the suite found. \`npm run test:guarantees\`
kills real processes and breaks what is around them, compares what the receiver has with what the vendors have, and writes this page and
\`test/guarantees/results.json\`. Anyone can run it: no key and no network are needed, and it takes about half an hour on two cores. The
other commands: \`npm run test:process\` builds Penstock first and runs the executable as real processes; \`npm test\` runs in the test's
own process. A name behind the \`--\` of these two selects the test files whose path contains it.
`;

function summary({ kills, random, models, faults }: Partial<Results>): string {
  const parts = [kills, random, models, faults].filter((part) => part !== undefined);
  const [cells, lanes] = [kills?.cells ?? [], random?.lanes ?? []];
  const outcomes = [...(faults?.outcomes ?? []), ...(models?.outcomes ?? [])];
  const held = outcomes.filter((one) => problemOf(one) === undefined);
  const isOneRun = new Set(parts.map(({ date }) => date)).size === 1;
  return `
## What the last run found

${table(
  [
    'kills with SIGKILL',
    'lost',
    'sent as new',
    'repeats',
    'not byte-identical',
    'at a step, and not explained by a cut acknowledgement',
  ],
  [
    [
      ...(['kills', 'lost', 'asNew', 'repeats', 'different'] as const).map((figure) =>
        sum([...cells, ...lanes], (one) => one[figure]),
      ),
      sum(cells, ({ uncaused }) => uncaused),
    ],
  ],
)}

${outcomes.length === 0 ? '' : `${held.length} of ${outcomes.length} faults and models of vendors did what is guaranteed.`}
${isOneRun ? `All of it was one run of ${minutes(sum(parts, ({ seconds }) => seconds))}.` : 'Its parts were run one by one; each says when.'}`;
}
