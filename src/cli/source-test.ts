import { writeFile } from 'node:fs/promises';
import { absolutePath } from '../config/files.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { counted } from '../core/text.ts';
import { type Difference, inWords } from '../sources/_declarative/difference.ts';
import { Evidence } from '../sources/_declarative/evidence.ts';
import { failuresOnEmptyRecord } from '../sources/_declarative/empty-record.ts';
import { withEvents } from '../sources/_declarative/fixture-events.ts';
import type { ExitCode, Io } from './io.ts';
import { jsonLine, say, wantsJson } from './output.ts';
import { runFixture } from './source-fixture.ts';
import { readSourceFolder } from './source-folder.ts';
import { simulate } from './source-simulation.ts';

/** Exit code: the definition does something else than its fixtures say. */
const DIFFERS = 1;

/** `penstock source test PATH`. @throws ConfigError for a definition or a fixture that cannot be read */
export async function sourceTest(
  io: Io,
  flags: Readonly<Record<string, unknown>>,
  [path = '']: readonly string[],
): Promise<ExitCode> {
  const { definition, source, fixtures } = await readSourceFolder(io.cwd, path);
  if (fixtures.length === 0)
    throw new ConfigError([
      `${path} is valid, but nothing was tested: it has no fixtures/*.yaml. Make one: see penstock source record --help`,
    ]);
  const json = wantsJson(io, flags);
  let code: ExitCode = EXIT.done;
  for (const { file, text, fixture } of fixtures) {
    const { events, requests, differences: inEvents } = await runFixture(source, fixture);
    const updated = flags['update'] === true && (inEvents.length > 0 || fixture.events === undefined);
    if (updated) await writeFile(absolutePath(io.cwd, file), withEvents(text, events));
    const differences = updated ? requests : [...requests, ...inEvents];
    if (differences.length > 0) code = DIFFERS;
    const result = { fixture: file, events: events.length, updated, differences };
    if (json) jsonLine(io.stdout, result);
    else say(io.stdout, report(result));
  }
  const { missing } = Evidence.of(definition);
  if (missing.length > 0) {
    if (json) jsonLine(io.stdout, { missing, differences: [] });
    else say(io.stdout, `not proven by a fixture, because no answer has it: ${missing.join(', ')}\n`);
  }
  const simulated = await simulate(
    definition,
    fixtures.map(({ fixture }) => fixture),
  );
  for (const run of simulated) {
    if (run.differences.length > 0) code = DIFFERS;
    if (json) jsonLine(io.stdout, run);
    else say(io.stdout, report({ fixture: `simulated vendor, ${run.simulated}`, updated: false, ...run }));
  }
  const onEmpty = { record: '{}', differences: failuresOnEmptyRecord(definition) };
  if (onEmpty.differences.length > 0) code = DIFFERS;
  if (json) jsonLine(io.stdout, onEmpty);
  else say(io.stdout, lines('map on a record without fields', onEmpty.differences));
  return code;
}

interface Result {
  readonly fixture: string;
  readonly events: number;
  readonly updated: boolean;
  readonly differences: readonly Difference[];
}

function report({ fixture, events, updated, differences }: Result): string {
  const what = updated ? `${counted(events, 'event')} written: read them` : counted(events, 'event');
  return lines(fixture, differences, ` (${what})`);
}

function lines(title: string, differences: readonly Difference[], what = ''): string {
  const verdict = differences.length === 0 ? 'ok' : counted(differences.length, 'difference');
  return [`${title}: ${verdict}${what}`, ...differences.map((one) => `  ${inWords(one)}`), ''].join('\n');
}
