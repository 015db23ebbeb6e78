import { uncovered } from '../core/span.ts';
import type { StreamState } from '../journal/journal.ts';
import type { Backfill, CommonOptions, Scope, Span } from '../core/source.ts';
import { commitPage } from './build-page.ts';
import { type CollectContext, lendStream, openStream } from './context.ts';
import type { PollStats } from '../core/poll-stats.ts';
import type { Http } from '../core/http.ts';

interface BackfillTask {
  readonly context: CollectContext;
  readonly backfill: Backfill<CommonOptions>;
  readonly scope: Scope;
  readonly span: Span;
  /** Also reads what was read before, and tells it again under the same ids. */
  readonly again: boolean;
  /** What is read is added here. */
  readonly stats: PollStats;
  /** Told where each part ends that is durable. The next one is asked for when it resolves. */
  readonly onPart: (at: number) => Promise<void>;
}

/**
 * Reads a past span of one stream behind live polling, into the backfill lane; the cursor of live polling stays where
 * it is. Each part is committed with its coverage before the next is asked for, so that a later call goes on behind it.
 * What the vendor has not settled yet is left to live polling.
 *
 * Rejects with what ends it: a VendorError, the signal's reason, what the journal throws.
 */
export async function backfillStream(task: BackfillTask): Promise<void> {
  const { context, scope, span, again } = task;
  const stream = await openStream(context, scope);
  let { from } = span;
  while (from < span.to) {
    const rest = { from, to: span.to };
    const [next] = again ? [rest] : uncovered(rest, await context.journal.coverage(stream.key));
    if (next === undefined) return;
    from = await read(task, stream, next);
  }
}

/** Returns where to go on. */
async function read(task: BackfillTask, stream: StreamState, span: Span): Promise<number> {
  const { context, backfill, scope, again, stats, onPart } = task;
  const { journal, signal, run } = context;
  const background = { ...context, run: { ...run, http: behindLive(context) } };
  let at = span.from;
  signal.throwIfAborted();
  for await (const part of backfill.read(lendStream(background, scope, stream), span)) {
    await commitPage({ context, scope, stream, page: part, stats, lane: 'backfill', again });
    at = part.covered?.to ?? at;
    await onPart(at);
    signal.throwIfAborted();
    // Live polling may have come by in the meantime.
    if (!again && part.covered !== undefined && isCovered(at, await journal.coverage(stream.key))) return at;
  }
  return span.to;
}

function isCovered(at: number, spans: readonly Span[]): boolean {
  return spans.some(({ from, to }) => from <= at && at < to);
}

/** How often it is looked whether live polling leaves room. Milliseconds. */
const LOOK_EVERY = 1_000;

/**
 * The source's client for work that goes behind live polling: a request waits while a sweep goes on, and leaves it one
 * free slot of the budget; where the budget has a single slot, a sweep that begins just then waits for that one.
 */
export function behindLive(context: CollectContext): Http {
  const { http } = context;
  return {
    available: (route) => http.available(route),
    recall: (ahead) => http.recall(ahead),
    get: async (request) => {
      await turnOf(context, request.route);
      return http.get(request);
    },
  };
}

async function turnOf({ http, sweeps, clock, signal }: CollectContext, route: string): Promise<void> {
  const least = Math.min(2, http.capacity(route));
  while (sweeps.busy || (await http.available(route)) < least) await clock.sleep(LOOK_EVERY, signal);
}
