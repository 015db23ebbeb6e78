import { JournalFullError } from '../core/errors.ts';
import type { StreamState } from '../journal/journal.ts';
import { type Gap, GAP_REASON, type Scope } from '../core/source.ts';
import type { PollContext } from './context.ts';
import { setImmediate as turn } from 'node:timers/promises';
import { gapEvent } from '../ecs/own-events.ts';
import { PollStats } from '../core/poll-stats.ts';

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

/** Entries forgotten in one transaction: others have their turn in between. */
const AT_ONCE = 1_000;
/** At the bound, the ledger is shortened to this part of it: not at every page, and each time with one event. */
const SHORTENED = 0.9;
/** Above this part of the bound, the log warns. */
const WORTH_A_WARNING = 0.8;

const WARNED = 'penstock.ledger-warned';
const MEBIBYTE = 1024 * 1024;

/**
 * Keeps the ledger of a source within `ledger.max`: the oldest entries go, and a gap says which. What they were about is
 * told once more if the vendor shows it again; that is better than a source that stops.
 */
export async function boundLedger(context: PollContext): Promise<void> {
  const { journal, config } = context;
  const { max } = config.options.ledger;
  const { bytes } = await journal.ledgerSize(config.name);
  warnOnce(context, bytes, max);
  if (bytes <= max) return;
  const shortened = new Set<string>();
  while ((await journal.ledgerSize(config.name)).bytes > max * SHORTENED) {
    const streams = await journal.forgetOldest(config.name, AT_ONCE, GAP_REASON.ledgerFull);
    if (streams.length === 0) break;
    for (const stream of streams) shortened.add(stream);
    await turn();
  }
  for (const stream of await journal.streams())
    if (shortened.has(stream.key)) await tellGaps(context, { id: stream.scope }, stream);
}

function warnOnce({ config, log, run }: PollContext, bytes: number, max: number): void {
  const isMuch = bytes > max * WORTH_A_WARNING;
  if (isMuch && run.memo.get(WARNED) !== true) {
    log.warn(
      { penstock: { ledger: { bytes, max } } },
      `The ledger holds ${(bytes / MEBIBYTE).toFixed(1)} MiB of at most ${(max / MEBIBYTE).toFixed(1)} MiB (ledger.max of source ${config.name}). At the bound the oldest entries go, and what the vendor shows of them again is sent again. Raise ledger.max if the disk has room, or look why the vendor shows so much.`,
    );
  }
  run.memo.set(WARNED, isMuch);
}

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
