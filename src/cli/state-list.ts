import type { JournalView } from '../journal/journal.ts';
import { openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { EXIT } from '../core/errors.ts';
import { toJson } from '../core/json.ts';
import { configFlag, examples, jsonFlag } from './flags.ts';
import { jsonLine, type Io } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';
import { destinationRows, scopeOf, streamRow } from './state-rows.ts';
import { clip, table } from './table.ts';

/** `penstock state list`: every stream and every destination, a line each. */
export const stateListCommand: PenstockCommand = {
  describe(command) {
    command
      .name('list')
      .description('List the streams with their cursors, and the destinations with what is queued for them.')
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, ['penstock state list', 'penstock state list --json']);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    await using view = await openJournalReadOnly(config.state.path, { clock: io.clock, log });
    const streams = await streamRows(view);
    const destinations = await destinationRows(view, config);
    if (flags['json'] === true || io.stdout.isTTY !== true) {
      for (const row of [...streams, ...destinations]) jsonLine(io.stdout, row);
    } else {
      show(io, streams, destinations);
    }
    return EXIT.done;
  },
};

async function streamRows(view: JournalView) {
  const streams = await view.streams();
  return Promise.all(streams.map(async (stream) => streamRow(stream, await view.nextDue(stream.source))));
}

/** What a cell shows of a cursor; `state show` shows all of it. */
const WIDEST = 60;

function show(
  { stdout, stderr }: Io,
  streams: Awaited<ReturnType<typeof streamRows>>,
  destinations: Awaited<ReturnType<typeof destinationRows>>,
): void {
  if (streams.length + destinations.length === 0) {
    stderr.write('The state holds nothing yet. See: penstock once\n');
    return;
  }
  const streamLines = streams.map((row) => [
    row.source,
    scopeOf(row.stream),
    clip(toJson(row.cursor), WIDEST),
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
  stdout.write(table(['DESTINATION', 'POSITION', 'WAITING', '', 'REASON'], destinationLines));
}
