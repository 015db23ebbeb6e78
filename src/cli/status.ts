import { Option } from 'commander';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { sayIfEmpty } from './state-presence.ts';
import { type ExitCode, type Io, setUp } from './io.ts';
import { examples, jsonLine, say, wantsJson } from './output.ts';
import { statusObject } from './status-object.ts';
import { destinationTable, journalLine, reloadLine, replicaTable, sourceTable } from './status-table.ts';
import type { SourceConfig, StatePlace } from '../config/types.ts';
import { EXIT } from '../core/errors.ts';
import { parseSchedule, type Schedule } from '../core/schedule.ts';
import { mask } from '../core/secret.ts';
import { printableLines } from '../core/text.ts';
import { openJournalReadOnly, placeInWords } from '../journal/open.ts';
import { type OverdueStream, overdueStreams } from '../observe/states.ts';
import { readStatus, type SourceStatus, type Status, storedReports } from '../observe/status.ts';

/** How often `--watch` refreshes. Milliseconds. */
const EVERY = 2_000;
/** Moves the terminal's cursor to the top left and erases everything below it. */
const CLEAR = '\u001b[H\u001b[J';

/** `penstock status`: the state of every source and destination, read from the journal. */
export const statusCommand: PenstockCommand = {
  describe(command) {
    command
      .addOption(configFlag())
      .addOption(new Option('--watch', 'refresh every two seconds until stopped'))
      .addOption(
        new Option(
          '--check',
          'exit 3 unless every source completed a poll as recently as its schedule requires; for health checks',
        ).conflicts('watch'),
      )
      .addOption(jsonFlag());
    return examples(command, [
      'penstock status',
      'penstock status --watch',
      'penstock status --json',
      'penstock status --check',
    ]);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    const json = wantsJson(io, flags);
    const { clock } = io;
    do {
      if (!json && flags['watch'] === true) io.stdout.write(CLEAR);
      // Opened each time, because a daemon may create or migrate the state meanwhile.
      await using journal = await openJournalReadOnly(config.state, { clock, log });
      const status = await readStatus(journal, config, {
        now: clock.now(),
        reports: storedReports(await journal.states.all()),
        scheduleOf: schedules(io.random),
      });
      await sayIfEmpty(json ? io.stderr : io.stdout, config.state);
      if (json) jsonLine(io.stdout, statusObject(status, overdueOf(status.sources, io)));
      else io.stdout.write(toText(status, config.state.place, clock.now()));
      if (flags['check'] === true) return reportStale(io, status);
    } while (flags['watch'] === true && (await again(io)));
    return EXIT.done;
  },
};

async function again({ clock, stop }: Io): Promise<boolean> {
  await clock.sleep(EVERY, stop).catch(() => undefined);
  return !stop.aborted;
}

function reportStale(io: Io, { sources }: Status): ExitCode {
  const stale = staleSources(sources);
  for (const { source, detail } of stale) say(io.stderr, `Source ${source} is stale: ${detail}\n`);
  return stale.length === 0 ? EXIT.done : EXIT.incomplete;
}

function toText(status: Status, place: StatePlace, now: number): string {
  const { replicas, reloadFailed } = status;
  return [
    ...(replicas === undefined ? [] : [replicaTable(replicas, now)]),
    sourceTable(status, now),
    destinationTable(status, now),
    ...(replicas === undefined ? [] : [`State in ${placeInWords(place)}.\n`]),
    `${journalLine(status, now)}\n`,
    ...(reloadFailed === undefined ? [] : [printableLines(mask(`${reloadLine(reloadFailed, now)}\n`))]),
  ].join('\n');
}

interface StaleSource {
  readonly source: string;
  /** Since when it is stale, and the last error. */
  readonly detail: string;
}

/** The streams that were not read for longer than the readiness rule allows, by the journal alone. */
export function overdueOf(
  sources: readonly SourceStatus[],
  { clock, random }: Pick<Io, 'clock' | 'random'>,
): readonly OverdueStream[] {
  const scheduleOf = schedules(random);
  return sources.flatMap((status) => {
    return overdueStreams({ status, schedule: scheduleOf(status.config), now: clock.now() });
  });
}

/** The schedule of a source, by its configuration. */
export function schedules(random: Io['random']): (source: SourceConfig) => Schedule {
  return ({ options }) => parseSchedule(options.schedule, options.timezone, random);
}

/** The sources without a complete poll in the time that their schedule allows, by the journal alone. */
export function staleSources(sources: readonly SourceStatus[]): readonly StaleSource[] {
  return sources.flatMap(({ config: { name }, stale }) =>
    stale === undefined ? [] : [{ source: name, detail: stale.detail }],
  );
}
