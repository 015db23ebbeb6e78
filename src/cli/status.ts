import { Option } from 'commander';
import { EXIT } from '../errors.ts';
import { openJournalReadOnly } from '../journal/sqlite-journal.ts';
import { readStatus, type Status } from '../telemetry/status.ts';
import { destinationRows, journalLine, sourceRows, type Rows } from '../telemetry/status-rows.ts';
import { configFlag, examples, jsonFlag } from './flags.ts';
import { type ExitCode, type Io, jsonLine, say } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';
import type { OverdueStream } from '../telemetry/staleness.ts';
import { overdueOf, staleSources } from './stale-sources.ts';
import { timeOrNull } from './state-rows.ts';
import { table } from './table.ts';

/** `--watch` looks again this often. Milliseconds. */
const EVERY = 2_000;
/** Cursor to the top left, and what is below it erased. */
const CLEAR = '\u001b[H\u001b[J';

/** `penstock status`: how everything stands, by the journal, beside a daemon or without one. */
export const statusCommand: PenstockCommand = {
  describe(command) {
    command
      .name('status')
      .description('Show how each source and destination stands, beside a daemon or without one.')
      .addOption(configFlag())
      .addOption(new Option('--watch', 'look again every two seconds until stopped'))
      .addOption(
        new Option(
          '--check',
          'exit 3 unless every source has completed a sweep as recently as its schedule says: for health checks',
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
    const json = flags['json'] === true || io.stdout.isTTY !== true;
    const { clock } = io;
    do {
      // Opened anew each time: a daemon may make the state, or migrate it, meanwhile.
      await using journal = await openJournalReadOnly(config.state.path, { clock, log });
      const status = await readStatus(journal, config);
      if (json) jsonLine(io.stdout, toObject(status, overdueOf(status.sources, io)));
      else io.stdout.write(`${flags['watch'] === true ? CLEAR : ''}${toText(status, clock.now())}`);
      if (flags['check'] === true) return tellStale(io, status);
    } while (flags['watch'] === true && (await again(io)));
    return EXIT.done;
  },
};

async function again({ clock, stop }: Io): Promise<boolean> {
  await clock.sleep(EVERY, stop).catch(() => undefined);
  return !stop.aborted;
}

function tellStale(io: Io, { sources }: Status): ExitCode {
  const stale = staleSources(sources, io);
  for (const { source, detail } of stale) say(io.stderr, `Source ${source} is stale: ${detail}\n`);
  return stale.length === 0 ? EXIT.done : EXIT.incomplete;
}

function toText({ sources, destinations, journal }: Status, now: number): string {
  return [
    shown(sourceRows(sources, now)),
    shown(destinationRows(destinations, now)),
    `${journalLine(journal, now)}\n`,
  ].join('\n');
}

function shown({ head, rows }: Rows): string {
  return table(head, rows);
}

function toObject({ sources, destinations, journal }: Status, overdue: readonly OverdueStream[]) {
  return {
    sources: sources.map(
      ({ config, streams, lastComplete, lastError, nextDue, owed, openGaps, readUpTo, ledger }) => ({
        source: config.name,
        type: config.definition.id,
        streams: streams.length,
        last_complete: timeOrNull(lastComplete),
        last_error: lastError ?? null,
        next_due: timeOrNull(nextDue),
        read_up_to: timeOrNull(readUpTo),
        owed,
        gaps_open: openGaps,
        ledger: { entries: ledger.entries, bytes: ledger.bytes },
        overdue: overdue.filter(({ source }) => source === config.name).map(({ name }) => name),
      }),
    ),
    destinations: destinations.map(
      ({ name, waiting, paused, since, lastAnswer, lastAnswerAt, deadLetters }) => ({
        destination: name,
        waiting,
        paused: paused !== undefined,
        reason: paused ?? null,
        since: timeOrNull(since),
        last_answer: lastAnswer ?? null,
        last_answer_at: timeOrNull(lastAnswerAt),
        dead_letters: deadLetters,
      }),
    ),
    journal: { events: journal.events, bytes: journal.bytes, oldest: timeOrNull(journal.oldest) },
    overdue: overdue.map(({ name }) => name),
  };
}
