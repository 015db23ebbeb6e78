import type { Http } from '../core/http.ts';
import type { PollStats } from '../core/observers.ts';
import type { Backfill, CommonOptions, Scope, Source, Span } from '../core/source.ts';
import { uncovered } from '../core/span.ts';
import { commitPage } from './commit.ts';
import { type CollectContext, type OpenStream, openStream, streamContext } from './context.ts';

/**
 * Why what was read of a source cannot be sent again under the same ids; undefined when it can. A counter was sent in
 * parts as it grew, each with its share. The vendor shows the whole count alone, which would be one more part.
 */
export function whyNotAgain(name: string, { stream }: Pick<Source, 'stream'>): string | undefined {
  if (stream !== 'counter') return undefined;
  return `Source ${name} sends counts in parts as they grow, and its vendor shows only their sums now: with --again a store would count twice. Without --again, only what was never read is read. To send retained events again, under the same ids: penstock replay --destination NAME --from TIME`;
}

interface BackfillTask {
  readonly context: CollectContext;
  readonly backfill: Backfill<CommonOptions>;
  readonly scope: Scope;
  readonly span: Span;
  /** Also reads what was read before, and emits it again under the same ids. */
  readonly again: boolean;
  /** What is read is added here. */
  readonly stats: PollStats;
  /** Called with the end of each durable page, epoch ms. The next page is requested when it resolves. */
  readonly onPage: (at: number) => Promise<void>;
}

/**
 * Reads a past span of one stream into the backfill lane, after live polling; the cursor of live polling is not used.
 * Each page is committed with its coverage before the next is requested, so a later call continues after it. What the
 * vendor has not settled yet is left to live polling.
 *
 * Rejects with what ends it: a VendorError, the signal's reason, or an error of the journal.
 */
export async function backfillStream(task: BackfillTask): Promise<void> {
  const { context, scope, span, again } = task;
  const stream = await openStream(context, scope);
  let { from } = span;
  while (from < span.to) {
    const rest = { from, to: span.to };
    const [next] = again ? [rest] : uncovered(rest, await context.journal.coverage.of(stream.state.key));
    if (next === undefined) return;
    from = await read(task, stream, next);
  }
}

/** Reads a span until its end, or until the rest is covered. Returns where to continue. */
async function read(task: BackfillTask, stream: OpenStream, span: Span): Promise<number> {
  const { context, backfill, again, stats, onPage } = task;
  const { journal, signal, source } = context;
  const background = { ...context, source: { ...source, http: behindLive(context) } };
  let at = span.from;
  signal.throwIfAborted();
  for await (const page of backfill.read(streamContext(background, stream), span)) {
    await commitPage(context, stream, page, { stats, lane: 'backfill', again });
    at = page.covered?.to ?? at;
    await onPage(at);
    signal.throwIfAborted();
    // Live polling may have read what follows in the meantime.
    if (!again && page.covered !== undefined && isCovered(at, await journal.coverage.of(stream.state.key)))
      return at;
  }
  return span.to;
}

function isCovered(at: number, spans: readonly Span[]): boolean {
  return spans.some(({ from, to }) => from <= at && at < to);
}

/** How often `behindLive` checks whether live polling leaves room. Milliseconds. */
const CHECK_EVERY = 1_000;

/**
 * The source's client for work that must not delay live polling: a request waits while a live poll is under way, and
 * leaves it one free slot of the quota. Where the quota has a single slot, a poll that begins just then waits for it.
 */
export function behindLive({ http, polls, clock, signal }: CollectContext): Http {
  const request: Http['request'] = async (wanted) => {
    const least = Math.min(2, http.capacity(wanted.route));
    while (polls.busy || (await http.available(wanted.route)) < least) await clock.sleep(CHECK_EVERY, signal);
    return http.request(wanted);
  };
  return {
    available: (route) => http.available(route),
    recall: (ahead) => http.recall(ahead),
    request,
    get: request,
  };
}
