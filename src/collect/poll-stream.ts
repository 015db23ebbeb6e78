import { explain, OutOfBudgetError, StateError } from '../core/errors.ts';
import type { StreamState } from '../journal/journal.ts';
import type { Scope } from '../core/source.ts';
import { commitPage, type PageTask } from './commit-page.ts';
import type { PollContext } from './context.ts';
import { requireRoom } from './full-journal.ts';
import { lendStream, openStream } from './lend-stream.ts';
import { decodeCursor } from './stored-cursor.ts';
import { PollStats, type PollResult } from '../core/poll-stats.ts';
import { tellGaps } from './tell-gaps.ts';
import { tooLargePage } from './too-large.ts';

/**
 * Polls one stream until it is caught up: each page is committed before the next is asked for, so the cursor never
 * runs ahead of durable data. Rejects only when the state cannot be used; what the vendor does is in the result.
 */
export async function pollStream(context: PollContext, scope: Scope): Promise<PollResult> {
  const { journal, clock, http } = context;
  const stream = await openStream(context, scope);
  const stats = new PollStats();
  const started = clock.now();
  const requestsBefore = http.requests;
  const ended = await drain(context, scope, stream, stats);
  await journal.recordPoll({
    stream: stream.key,
    source: context.config.name,
    at: started,
    durationMs: Math.max(0, clock.now() - started),
    requests: http.requests - requestsBefore,
    rows: stats.rows,
    new: stats.new,
    changed: stats.updated,
    outcome: ended.error instanceof Error ? ended.error.name : ended.outcome,
    error: ended.outcome === 'failed' ? explain(ended.error) : undefined,
  });
  return { scope, stats, failedBefore: stream.lastError, ...ended };
}

type Ending = Pick<PollResult, 'outcome' | 'error'>;

async function drain(
  context: PollContext,
  scope: Scope,
  stream: StreamState,
  stats: PollStats,
): Promise<Ending> {
  const { signal } = context;
  try {
    for await (const page of pages(context, { scope, stream, stats })) {
      await commitPage({ context, scope, stream, page, stats });
      signal.throwIfAborted();
      await requireRoom(context, scope, stream);
    }
    return { outcome: 'complete' };
  } catch (error) {
    if (error instanceof StateError) throw error;
    if (error instanceof OutOfBudgetError) {
      stats.deferred = Math.max(stats.deferred, 1);
      return { outcome: 'owed', error };
    }
    if (signal.aborted) return { outcome: 'cut', error };
    return { outcome: 'failed', error };
  }
}

async function* pages(
  context: PollContext,
  { scope, stream, stats }: Pick<PageTask, 'scope' | 'stream' | 'stats'>,
): AsyncIterable<PageTask['page']> {
  await requireRoom(context, scope, stream);
  stats.add(await context.commits.run(() => tellGaps(context, scope, stream)));
  try {
    yield* context.config.definition.poll(
      lendStream(context, scope, stream),
      decodeCursor(context.config, stream),
    );
  } catch (error) {
    const page = tooLargePage(error, Math.max(stream.deferred, stats.deferred));
    if (page !== undefined) yield page;
    throw error;
  }
}
