import { Argument } from 'commander';
import { stringify } from 'yaml';
import { isoTime } from '../ecs/time.ts';
import { EXIT } from '../core/errors.ts';
import type { JournalView, StreamState } from '../journal/journal.ts';
import { openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { printableValue } from '../core/text.ts';
import { configFlag, examples, jsonFlag } from './flags.ts';
import { jsonLine, type Output, say } from './io.ts';
import { knownSources, unknownName } from './named.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';
import { destinationRows, streamRow, timeOrNull } from './state-rows.ts';

/** Polls shown of each stream. */
const POLLS = 5;

/** `penstock state show [SOURCE]`: everything that the state holds of a source. */
export const stateShowCommand: PenstockCommand = {
  describe(command) {
    command
      .name('show')
      .description(
        'Show all of a source: cursors, ledger size, coverage, gaps, last polls; and of the state: positions, bytes.',
      )
      .addArgument(new Argument('[source]', 'only this source'))
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, ['penstock state show console', 'penstock state show --json']);
  },

  async run(io, flags, [source]) {
    const { config, log } = await setUp(io, flags);
    await using view = await openJournalReadOnly(config.state.path, { clock: io.clock, log });
    const known = await knownSources(view, config);
    if (source !== undefined && !known.includes(source)) throw unknownName('source', source, known);
    const streams = await view.streams();
    const json = flags['json'] === true || io.stdout.isTTY !== true;
    for (const stream of streams.filter((one) => source === undefined || one.source === source))
      print(io.stdout, await everything(view, stream), json);
    const { events, bytes, oldest } = await view.stats();
    const destinations = await destinationRows(view, config);
    const state = { state: config.state.path, events, bytes, oldest: timeOrNull(oldest), destinations };
    print(io.stdout, state, json);
    return EXIT.done;
  },
};

function print(output: Output, object: object, json: boolean): void {
  if (json) jsonLine(output, object);
  else say(output, `${stringify(printableValue(object))}\n`);
}

async function everything(view: JournalView, stream: StreamState) {
  const { cursorVersion, deferred, orphaned, key, source } = stream;
  const coverage = await view.coverage(key);
  const gaps = await view.gaps(key);
  const polls = await view.polls(key, POLLS);
  return {
    ...streamRow(stream, await view.nextDue(source)),
    cursor_version: cursorVersion,
    owed: deferred,
    orphaned,
    coverage: coverage.map(({ from, to }) => ({ from: isoTime(from), to: isoTime(to) })),
    gaps: gaps.map(({ part, reason, from, to, opened, closed }) => ({
      part,
      reason,
      from: isoTime(from),
      to: isoTime(to),
      opened: isoTime(opened),
      closed: timeOrNull(closed),
    })),
    polls: polls.map(({ at, durationMs, requests, rows, new: created, changed, outcome, error }) => ({
      at: isoTime(at),
      duration_ms: durationMs,
      requests,
      rows,
      new: created,
      changed,
      outcome,
      error: error ?? null,
    })),
  };
}
