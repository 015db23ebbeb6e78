import { goalsOf } from './goals.ts';
import type { Machine } from './machine.ts';
import type { Results } from './results.ts';
import { partTables } from './tables.ts';
import { table } from './text.ts';

/** `bench/REPORT.md` of a run. `gains` is what is written by hand: what each change brought. */
export function reportOf({ command, machine, figures, failed, added = {} }: Results, gains: string): string {
  const goals = goalsOf(figures).map(({ figure, goal, measured, met }) => [
    figure,
    goal,
    measured,
    met ? 'yes' : '**no**',
  ]);
  const failures = Object.entries(failed).map(
    ([part, why]) => `\n\`${part}\` could not be measured: ${why}\n`,
  );
  const others = Object.entries(added).map(
    ([part, { command, date, commit }]) =>
      `\n\`${part}\` was measured on ${date} by \`${command}\`, commit ${commit}.\n`,
  );
  return `# What Penstock costs

Made by \`${command}\`, which writes this page, \`report.json\` and \`report.svg\` from one run. \`npm run bench -- cost\` (or
\`start\`, \`idle\`, \`memory\`, \`streams\`, \`page\`, \`journal\`, \`replicas\`, \`spread\`) measures one part and writes nothing.

${machineLines(machine)}

![CPU time and records a second of the floor and of Penstock](report.svg)

The **floor** is a loop without state ([floor.ts](floor.ts)): fetch a page, parse it, map the same attributes as Penstock, make
records by the OpenTelemetry SDK, export them by the official exporter, fetch the next page. It keeps no cursor and no ledger,
commits nothing, and forgets everything when it ends. All figures are of whole processes, from their start to their end, in turn
in one run. A figure is the median, with the least and the most in brackets. CPU time is that of all threads of the process.
Vendor and receiver are one other process on the same machine; after each run, what arrived is compared with the rows.

## Goals

${table(['figure', 'goal', 'measured', 'met'], goals)}
${failures.join('')}${others.join('')}
${partTables(figures)}

${gains.trim()}
`;
}

function machineLines(machine: Machine): string {
  const { date, cpu, cores, memoryGiB, system, syncMs, node, openTelemetry, commit } = machine;
  const packages = Object.entries(openTelemetry).map(([name, version]) => `\`${name}\` ${version}`);
  return table(
    ['', ''],
    [
      ['date', date],
      ['Penstock', `commit ${commit}`],
      ['Node.js', node],
      ['OpenTelemetry', packages.join(', ')],
      ['machine', `${cores} × ${cpu}, ${memoryGiB} GiB, ${system}`],
      ['disk', `a synced write of 4 KiB takes ${syncMs.toFixed(2)} ms`],
    ],
  );
}
