import { JournalFullError } from '../core/errors.ts';
import type { StreamState } from '../journal/journal.ts';
import { GAP_REASON, type Scope } from '../core/source.ts';
import type { PollContext } from './context.ts';
import { warnOfGap } from './tell-gaps.ts';

/**
 * At the cap, sources that can be asked again wait; the others go on until it is critical, and what is missed then is a gap.
 * @throws JournalFullError when the stream may not be read now.
 */
export async function requireRoom(context: PollContext, scope: Scope, stream: StreamState): Promise<void> {
  const { journal, clock, config } = context;
  const now = clock.now();
  const room = await journal.room(now);
  if (room === 'free' || (room === 'full' && !config.definition.canReread)) return;
  if (!config.definition.canReread) await recordFullJournal(context, { scope, stream, now });
  throw new JournalFullError(
    'The journal has no room: it is at its cap (state.max_bytes) because a destination lacks what it holds, or the disk of state.path is nearly full. Polling goes on when there is room.',
  );
}

interface Missed {
  readonly scope: Scope;
  readonly stream: StreamState;
  readonly now: number;
}

/** There is no room for an event: `gaps`, the log and readiness show it, and the first poll that finds room ships it. */
async function recordFullJournal(context: PollContext, { scope, stream, now }: Missed): Promise<void> {
  const { journal, config } = context;
  const open = (await journal.gaps(stream.key)).filter(
    ({ closed, reason }) => closed === undefined && reason === GAP_REASON.journalFull,
  );
  // What was read completely since the last time is not missing.
  const known = Math.max(stream.lastComplete ?? -Infinity, ...open.map(({ to }) => to));
  const gap = {
    from: Math.min(now, known === -Infinity ? now : known),
    to: now,
    reason: GAP_REASON.journalFull,
    part: '',
  };
  await journal.commit({
    stream: stream.key,
    source: config.name,
    dataset: config.definition.dataset,
    lane: 'live',
    observedAt: now,
    events: [],
    ledger: [],
    cursor: undefined,
    gaps: [],
    unemittedGaps: [gap],
    closedGaps: [],
    complete: false,
    deferred: stream.deferred,
  });
  if (!open.some(({ unemitted }) => unemitted === true)) warnOfGap(context, scope, gap);
}
