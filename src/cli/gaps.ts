import { Argument, Option } from 'commander';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { knownSources, scopeOf, unknownName } from './names.ts';
import { sayIfEmpty } from './state-presence.ts';
import { timeFlag, type TimeFlag } from './time-flags.ts';
import { type Io, setUp } from './io.ts';
import { examples, jsonLine, table, wantsJson } from './output.ts';
import { timeOrNull } from './time-text.ts';
import { isMissing, missing, type MissingSpan } from '../collect/missing.ts';
import type { SourceConfig } from '../config/types.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { parseSchedule } from '../core/schedule.ts';
import type { Span } from '../core/source.ts';
import { isoTime } from '../ecs/common.ts';
import { BACKLOG_FULL, type DestinationGap } from '../journal/delivery.ts';
import { openJournalReadOnly } from '../journal/open.ts';
import { staleAfter } from '../observe/states.ts';

type Flags = Readonly<Record<string, unknown>>;

/** `penstock gaps [SOURCE]`: what was not collected or not sent, and why. */
export const gapsCommand: PenstockCommand = {
  describe(command) {
    command
      .addArgument(new Argument('[source]', 'only this source'))
      .addOption(configFlag())
      .addOption(
        timeFlag(
          'from',
          'only from this time on; also shows spans that were never requested (never-asked) or are not final yet (open)',
        ),
      )
      .addOption(timeFlag('to', 'only before this time; needs --from, and is now by default'))
      .addOption(
        new Option('--closed', 'also show gaps that have been closed; they do not affect the exit code'),
      )
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nWithout --from it shows open gaps. It works beside a running daemon and is read-only.\nExit codes: 0 nothing is missing (open does not count), 2 usage or configuration, 3 something is missing, 5 the state\ncannot be used.',
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
    await using view = await openJournalReadOnly(config.state, { clock: io.clock, log });
    const known = await knownSources(view.streams, config);
    if (source !== undefined && !known.includes(source)) throw unknownName('source', source, known);
    const closed = flags['closed'] === true;
    const spans = await missing(view, config, { source, asked, closed, now, staleAfter: allowances(io) });
    const missed = missedBy(await view.destinations.gaps(), { source, asked });
    const isEmpty = asked === undefined && (await sayIfEmpty(io.stderr, config.state));
    show(io, { spans, missed, isEmpty }, wantsJson(io, flags));
    return missed.length > 0 || spans.some(isMissing) ? EXIT.incomplete : EXIT.done;
  },
};

function allowances({ random }: Io) {
  return (config: SourceConfig, streams: number) => {
    const { schedule, timezone } = config.options;
    return staleAfter(config, streams, parseSchedule(schedule, timezone, random));
  };
}

function askedSpan(flags: Flags, now: number): Span | undefined {
  const from = (flags['from'] as TimeFlag | undefined)?.(now);
  const to = (flags['to'] as TimeFlag | undefined)?.(now);
  if (from === undefined && to === undefined) return undefined;
  if (from === undefined) throw new ConfigError(['--to needs --from. See: penstock gaps --help']);
  if (from < (to ?? now)) return { from, to: to ?? now };
  throw new ConfigError([
    `--from ${isoTime(from)}: must be before ${to === undefined ? 'now' : `--to ${isoTime(to)}`}`,
  ]);
}

interface Found {
  readonly spans: readonly MissingSpan[];
  readonly missed: readonly DestinationGap[];
  /** There is no state yet, so it is unknown what is missing. */
  readonly isEmpty: boolean;
}

function show({ stdout, stderr }: Io, { spans, missed, isEmpty }: Found, json: boolean): void {
  if (json) {
    for (const row of [...spans.map(toRow), ...missed.map(destinationGapRow)]) jsonLine(stdout, row);
    return;
  }
  if (!isEmpty && missed.length === 0 && !spans.some(isMissing)) stderr.write('Nothing is missing.\n');
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

interface Question {
  /** Only gaps with events of this source. */
  readonly source: string | undefined;
  /** Only gaps that overlap this span. */
  readonly asked: Span | undefined;
}

/** The events that destinations were not sent because their backlog was too large. */
export function missedBy(
  gaps: readonly DestinationGap[],
  { source, asked }: Question,
): readonly DestinationGap[] {
  return gaps.filter(
    ({ sources, from, to }) =>
      (source === undefined || Object.hasOwn(sources, source)) &&
      (asked === undefined || (from < asked.to && asked.from < to)),
  );
}

/** A destination's gap as `penstock gaps --json` has it. */
export function destinationGapRow({ destination, from, to, events, sources, opened, ended }: DestinationGap) {
  return {
    source: null,
    stream: null,
    part: '',
    from: isoTime(from),
    to: isoTime(to),
    reason: BACKLOG_FULL,
    opened: isoTime(opened),
    closed: null,
    destination,
    events,
    sources,
    ended: timeOrNull(ended),
  };
}

/** The same as a table. */
export function destinationGapTable(gaps: readonly DestinationGap[]): string {
  const rows = gaps
    .map(destinationGapRow)
    .map(({ destination, events, from, to, reason, opened, ended, sources }) => [
      destination,
      events.toLocaleString('en'),
      from,
      to,
      reason,
      opened,
      ended ?? '',
      Object.entries(sources)
        .map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
        .join(', '),
    ]);
  return table(['DESTINATION', 'EVENTS', 'FROM', 'TO', 'REASON', 'OPENED', 'ENDED', 'OF SOURCES'], rows);
}
