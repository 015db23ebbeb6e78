import { gapEvent } from '../ecs/own-events.ts';
import type { StreamState } from '../journal/journal.ts';
import { GAP_REASON, type Gap, type Scope } from '../core/source.ts';
import type { PollContext } from './context.ts';
import { PollStats } from '../core/poll-stats.ts';

/**
 * Ships the gaps of a stream that no event tells yet, because there was no room for one when they were recorded.
 * Returns what that adds. Durable when it resolves.
 */
export async function tellGaps(context: PollContext, scope: Scope, stream: StreamState): Promise<PollStats> {
  const { journal, config, run, observer } = context;
  const known = await journal.gaps(stream.key);
  const gaps = known.filter(({ unemitted, closed }) => unemitted === true && closed === undefined);
  const told = new PollStats();
  if (gaps.length === 0) return told;
  const observedAt = run.now();
  await journal.commit({
    stream: stream.key,
    source: config.name,
    dataset: config.definition.dataset,
    lane: 'live',
    observedAt,
    events: gaps.map((gap) => gapEvent({ config, scope, gap, observedAt })),
    ledger: [],
    cursor: undefined,
    gaps,
    closedGaps: [],
    complete: false,
    deferred: stream.deferred,
  });
  for (const gap of gaps) warnOfGap(context, scope, gap);
  told.gaps = gaps.length;
  observer?.page(told);
  return told;
}

const MEANING: Readonly<Record<string, string>> = {
  [GAP_REASON.ledgerFull]:
    'A gap: the ledger was at ledger.max, and no longer knows what was sent of this span. What the vendor shows of it again is sent again.',
};

/** Says in the log what is missing. */
export function warnOfGap({ log, config }: PollContext, scope: Scope, gap: Gap): void {
  log.warn(
    {
      penstock: {
        gap: {
          source: config.name,
          stream: scope.id,
          part: gap.part,
          reason: gap.reason,
          from: new Date(gap.from).toISOString(),
          to: new Date(gap.to).toISOString(),
        },
      },
    },
    MEANING[gap.reason] ??
      'A gap: this span could not be read completely. `penstock gaps` lists what is missing and why.',
  );
}
