import { isoTime } from '../ecs/time.ts';
import { BACKLOG_FULL, type DestinationGap } from '../journal/backlog.ts';
import type { Span } from '../core/source.ts';
import { timeOrNull } from './state-rows.ts';
import { table } from './table.ts';

interface Question {
  /** Only gaps that hold events of this source. */
  readonly source: string | undefined;
  /** Only gaps that overlap this span. */
  readonly asked: Span | undefined;
}

/** What destinations were not sent because too much waited for them. */
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

/** The same for people. */
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
