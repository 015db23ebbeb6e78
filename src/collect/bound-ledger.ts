import { setImmediate as turn } from 'node:timers/promises';
import { GAP_REASON } from '../core/source.ts';
import type { PollContext } from './context.ts';
import { tellGaps } from './tell-gaps.ts';

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
