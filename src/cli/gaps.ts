import { Argument, Option } from 'commander';
import { isMissing, missing, type MissingSpan } from '../collect/missing.ts';
import type { SourceConfig } from '../config/types.ts';
import { isoTime } from '../ecs/time.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import type { DestinationGap } from '../journal/backlog.ts';
import { openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { parseSchedule } from '../core/schedule.ts';
import type { Span } from '../core/source.ts';
import { patienceWith } from '../observe/states.ts';
import { destinationGapRow, destinationGapTable, missedBy } from './destination-gaps.ts';
import { configFlag, examples, jsonFlag } from './flags.ts';
import { jsonLine, type Io } from './io.ts';
import { knownSources, unknownName } from './named.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';
import { scopeOf, timeOrNull } from './state-rows.ts';
import { table } from './table.ts';
import { timeFlag, type TimeFlag } from './times.ts';

type Flags = Readonly<Record<string, unknown>>;

/** `penstock gaps [SOURCE]`: was everything collected, and if not, why. */
export const gapsCommand: PenstockCommand = {
  describe(command) {
    command
      .name('gaps')
      .description(
        'Show what was not collected, or was skipped for a destination, and why; exits 3 when something is missing, so that a script can ask.',
      )
      .addArgument(new Argument('[source]', 'only of this source'))
      .addOption(configFlag())
      .addOption(
        timeFlag(
          'from',
          'only from then on, and also show what was never asked (reason never-asked) or is not settled yet (open)',
        ),
      )
      .addOption(timeFlag('to', 'only before then; with --from, and now without it'))
      .addOption(new Option('--closed', 'also show gaps that were closed since; they do not count'))
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nWithout times it shows open gaps. It reads the state beside a daemon, and changes nothing.\nExit codes: 0 nothing is missing (open does not count), 2 usage or configuration, 3 something is, 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock gaps',
      'penstock gaps console --from 2026-03-01 --to 2026-04-01',
      'penstock gaps --from 24h --json',
    ]);
  },

  async run(io, flags, [source]) {
    const { config, log } = await setUp(io, flags);
    const now = io.clock.now();
    const asked = askedSpan(flags, now);
    await using view = await openJournalReadOnly(config.state.path, { clock: io.clock, log });
    const known = await knownSources(view, config);
    if (source !== undefined && !known.includes(source)) throw unknownName('source', source, known);
    const closed = flags['closed'] === true;
    const spans = await missing(view, config, { source, asked, closed, now, staleAfter: staleAfter(io) });
    const missed = missedBy(await view.destinationGaps(), { source, asked });
    show(io, { spans, missed }, flags['json'] === true);
    return missed.length > 0 || spans.some(isMissing) ? EXIT.incomplete : EXIT.done;
  },
};

function staleAfter({ random }: Io) {
  return (config: SourceConfig, streams: number) => {
    const { schedule, timezone } = config.options;
    return patienceWith(config, streams, parseSchedule(schedule, timezone, random));
  };
}

function askedSpan(flags: Flags, now: number): Span | undefined {
  const from = (flags['from'] as TimeFlag | undefined)?.(now);
  const to = (flags['to'] as TimeFlag | undefined)?.(now);
  if (from === undefined && to === undefined) return undefined;
  if (from === undefined) throw new ConfigError(['--to: expected --from too. See: penstock gaps --help']);
  if (from < (to ?? now)) return { from, to: to ?? now };
  throw new ConfigError([
    `--from ${isoTime(from)}: expected a time before ${to === undefined ? 'now' : `--to ${isoTime(to)}`}`,
  ]);
}

interface Found {
  readonly spans: readonly MissingSpan[];
  readonly missed: readonly DestinationGap[];
}

function show({ stdout, stderr }: Io, { spans, missed }: Found, json: boolean): void {
  if (json || stdout.isTTY !== true) {
    for (const row of [...spans.map(toRow), ...missed.map(destinationGapRow)]) jsonLine(stdout, row);
    return;
  }
  if (missed.length === 0 && !spans.some(isMissing)) stderr.write('Nothing is missing.\n');
  if (spans.length > 0) stdout.write(spanTable(spans));
  if (spans.length > 0 && missed.length > 0) stdout.write('\n');
  if (missed.length > 0) stdout.write(destinationGapTable(missed));
}

function spanTable(spans: readonly MissingSpan[]): string {
  const rows = spans
    .map(toRow)
    .map((row) => [
      row.source,
      scopeOf(row.stream),
      row.part,
      row.from,
      row.to,
      row.reason,
      row.opened ?? '',
      row.closed ?? '',
    ]);
  return table(['SOURCE', 'STREAM', 'PART', 'FROM', 'TO', 'REASON', 'OPENED', 'CLOSED'], rows);
}

function toRow({ source, stream, part, from, to, reason, opened, closed }: MissingSpan) {
  return {
    source,
    stream,
    part,
    from: isoTime(from),
    to: isoTime(to),
    reason,
    opened: timeOrNull(opened),
    closed: timeOrNull(closed),
  };
}
