import { Option } from 'commander';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { sayIfEmpty } from './state-presence.ts';
import { type ExitCode, type Io, setUp } from './io.ts';
import { examples, jsonLine, say, wantsJson } from './output.ts';
import { timeOrNull } from './time-text.ts';
import { destinationTable, journalLine, reloadLine, sourceTable } from './status-table.ts';
import type { SourceConfig } from '../config/types.ts';
import { EXIT } from '../core/errors.ts';
import { parseSchedule, type Schedule } from '../core/schedule.ts';
import { mask } from '../core/secret.ts';
import type { State } from '../core/state.ts';
import { printableLines } from '../core/text.ts';
import { openJournalReadOnly } from '../journal/open.ts';
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
      if (json) jsonLine(io.stdout, toObject(status, overdueOf(status.sources, io)));
      else io.stdout.write(toText(status, clock.now()));
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

function toText(status: Status, now: number): string {
  const { sources, destinations, reloadFailed } = status;
  return [
    sourceTable(sources, now),
    destinationTable(destinations, now),
    `${journalLine(status, now)}\n`,
    ...(reloadFailed === undefined ? [] : [printableLines(mask(`${reloadLine(reloadFailed, now)}\n`))]),
  ].join('\n');
}

/** A state as JSON: its name, and times in RFC 3339 or null. */
function stateObject({ name, since, reason, until }: State<string>) {
  return {
    state: name,
    since: timeOrNull(since),
    reason: reason ?? null,
    until: timeOrNull(until),
  };
}

function toObject(status: Status, overdue: readonly OverdueStream[]) {
  const { sources, destinations, journal, undelivered, rejected, reloadFailed } = status;
  return {
    sources: sources.map(
      ({
        config,
        state,
        stale,
        streams,
        lastComplete,
        lastError,
        nextDue,
        deferred,
        dropped,
        openGaps,
        readUpTo,
        ledger,
      }) => ({
        source: config.name,
        type: config.definition.id,
        ...stateObject(state),
        stale: stale !== undefined,
        streams: streams.length,
        last_complete: timeOrNull(lastComplete),
        last_error: lastError ?? null,
        next_due: timeOrNull(nextDue),
        read_up_to: timeOrNull(readUpTo),
        owed: deferred,
        dropped,
        gaps_open: openGaps,
        ledger: { entries: ledger.entries, bytes: ledger.bytes },
        overdue: overdue.filter(({ source }) => source === config.name).map(({ name }) => name),
      }),
    ),
    destinations: destinations.map(
      ({ name, state, waiting, oldest, paused, lastResponse, lastResponseAt, deadLetters, gaps }) => ({
        destination: name,
        ...stateObject(state),
        waiting,
        oldest: timeOrNull(oldest),
        paused: paused !== undefined,
        last_answer: lastResponse ?? null,
        last_answer_at: timeOrNull(lastResponseAt),
        dead_letters: deadLetters,
        gaps_open: gaps.length,
        skipped: gaps.reduce((sum, { events }) => sum + events, 0),
      }),
    ),
    journal: { events: journal.events, bytes: journal.bytes, oldest: timeOrNull(journal.oldest) },
    undelivered,
    rejected,
    reload_failed:
      reloadFailed === undefined
        ? null
        : { since: timeOrNull(reloadFailed.since), reason: reloadFailed.reason },
    overdue: overdue.map(({ name }) => name),
  };
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
