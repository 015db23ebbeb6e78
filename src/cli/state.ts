import { Argument } from 'commander';
import { stringify } from 'yaml';
import { type CommandGroup, configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { knownSources, scopeOf, unknownName } from './names.ts';
import { type Io, type Output, setUp } from './io.ts';
import { timeOrNull } from './time-text.ts';
import { clip, examples, jsonLine, say, table, wantsJson } from './output.ts';

import { stateExportCommand, stateImportCommand } from './state-move.ts';
import { stateResetCommand, stateRewindCommand } from './state-change.ts';
import type { Config } from '../config/types.ts';
import { EXIT } from '../core/errors.ts';
import { toJson } from '../core/json.ts';
import { printableValue } from '../core/text.ts';
import { isoTime } from '../ecs/common.ts';
import type { JournalView } from '../journal/journal.ts';
import type { StreamState } from '../journal/collection.ts';
import { openJournalReadOnly, placeInWords } from '../journal/open.ts';

/** A stream as `state list` shows it. */
export function streamRow(
  { source, type, key, cursor, ledger, lastComplete, lastError }: StreamState,
  nextDue: number | undefined,
) {
  return {
    source,
    type,
    stream: key,
    cursor: cursor ?? null,
    ledger,
    last_complete: timeOrNull(lastComplete),
    last_error: lastError ?? null,
    next_due: timeOrNull(nextDue),
  };
}

/** The destinations as `state list` shows them; `waiting` counts the events that each is to receive. */
export async function destinationRows(store: JournalView['destinations'], config: Config) {
  const known = await store.all();
  return Promise.all(
    known.map(async ({ name, position, paused }) => ({
      destination: name,
      position,
      waiting: await store.waiting(name, config.destinations.find((one) => one.name === name)?.sources),
      paused: paused !== undefined,
      reason: paused ?? null,
    })),
  );
}

/** `penstock state list`: one line for each stream and destination. */
export const stateListCommand: PenstockCommand = {
  describe(command) {
    command
      .name('list')
      .description('List streams with their cursors, and destinations with their queued events.')
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, ['penstock state list', 'penstock state list --json']);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    await using view = await openJournalReadOnly(config.state, { clock: io.clock, log });
    const streams = await streamRows(view);
    const destinations = await destinationRows(view.destinations, config);
    if (wantsJson(io, flags)) {
      for (const row of [...streams, ...destinations]) jsonLine(io.stdout, row);
    } else {
      show(io, streams, destinations);
    }
    return EXIT.done;
  },
};

async function streamRows(view: JournalView) {
  const streams = await view.streams.all();
  return Promise.all(
    streams.map(async (stream) => streamRow(stream, await view.sources.nextDue(stream.source))),
  );
}

/** The widest cursor in a cell; `state show` shows all of it. */
const WIDEST = 60;

/** A cursor as far as it moves: the part of a definition that must not change would fill the cell. */
function withoutDefinition(cursor: unknown): unknown {
  if (typeof cursor !== 'object' || cursor === null || !('definition' in cursor)) return cursor;
  const { definition: _, ...position } = cursor;
  return position;
}

function show(
  { stdout, stderr }: Io,
  streams: Awaited<ReturnType<typeof streamRows>>,
  destinations: Awaited<ReturnType<typeof destinationRows>>,
): void {
  if (streams.length + destinations.length === 0) {
    stderr.write('The state is empty. See: penstock once\n');
    return;
  }
  const streamLines = streams.map((row) => [
    row.source,
    scopeOf(row.stream),
    clip(toJson(withoutDefinition(row.cursor)), WIDEST),
    String(row.ledger),
    row.last_complete ?? 'never',
    row.next_due ?? '',
    clip(row.last_error ?? '', WIDEST),
  ]);
  const destinationLines = destinations.map((row) => [
    row.destination,
    `${row.position.sequence}/${row.position.offset}`,
    String(row.waiting),
    row.paused ? 'paused' : '',
    row.reason ?? '',
  ]);
  stdout.write(
    table(['SOURCE', 'STREAM', 'CURSOR', 'LEDGER', 'LAST COMPLETE', 'NEXT DUE', 'LAST ERROR'], streamLines),
  );
  stdout.write('\n');
  stdout.write(table(['DESTINATION', 'POSITION', 'QUEUED', '', 'REASON'], destinationLines));
}

/** Polls shown for each stream. */
const POLLS = 5;

/** `penstock state show [SOURCE]`: everything that the state knows about a source. */
export const stateShowCommand: PenstockCommand = {
  describe(command) {
    command
      .name('show')
      .description(
        'Show everything about a source (cursors, ledger size, coverage, gaps, last polls) and the state (positions, bytes).',
      )
      .addArgument(new Argument('[source]', 'only this source'))
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, ['penstock state show console', 'penstock state show --json']);
  },

  async run(io, flags, [source]) {
    const { config, log } = await setUp(io, flags);
    await using view = await openJournalReadOnly(config.state, { clock: io.clock, log });
    const known = await knownSources(view.streams, config);
    if (source !== undefined && !known.includes(source)) throw unknownName('source', source, known);
    const streams = await view.streams.all();
    const json = wantsJson(io, flags);
    for (const stream of streams.filter((one) => source === undefined || one.source === source))
      print(io.stdout, await everything(view, stream), json);
    const { events, bytes, oldest } = await view.stats();
    const destinations = await destinationRows(view.destinations, config);
    const state = {
      state: placeInWords(config.state.place),
      events,
      bytes,
      oldest: timeOrNull(oldest),
      destinations,
    };
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
  const coverage = await view.coverage.of(key);
  const gaps = await view.gaps.of(key);
  const polls = await view.polls.last(key, POLLS);
  return {
    ...streamRow(stream, await view.sources.nextDue(source)),
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

/** `penstock state …`: what is stored between two polls. */
export const stateCommands: CommandGroup = {
  describe(command) {
    return examples(command, ['penstock state list', 'penstock state show console']);
  },
  commands: [
    stateListCommand,
    stateShowCommand,
    stateRewindCommand,
    stateResetCommand,
    stateExportCommand,
    stateImportCommand,
  ],
};
