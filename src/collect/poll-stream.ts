import { explain, OutOfBudgetError, StateError } from '../core/errors.ts';
import type { StreamState } from '../journal/journal.ts';
import type { Scope } from '../core/source.ts';
import { commitPage, type PageTask } from './commit-page.ts';
import type { PollContext } from './context.ts';
import { requireRoom } from './full-journal.ts';
import { lendStream, openStream } from './lend-stream.ts';
import { decodeCursor } from './stored-cursor.ts';
import { Tally } from './tally.ts';
import { tellGaps } from './tell-gaps.ts';
import { tooLargePage } from './too-large.ts';

/** How one poll of one stream ended. */
export interface PollResult {
  readonly scope: Scope;
  /**
   * complete: caught up. owed: the rest waits for the budget, which is no failure. cut: a stop or a deadline came.
   * failed: `error` says why; the cursor is where the last durable page left it.
   */
  readonly outcome: 'complete' | 'owed' | 'cut' | 'failed';
  readonly tally: Tally;
  readonly error?: unknown;
  /** Why its poll before this one failed; undefined when it did not. */
  readonly failedBefore?: string | undefined;
}

/**
 * Polls one stream until it is caught up: each page is committed before the next is asked for, so the cursor never
 * runs ahead of durable data. Rejects only when the state cannot be used; what the vendor does is in the result.
 */
export async function pollStream(context: PollContext, scope: Scope): Promise<PollResult> {
  const { journal, clock, http } = context;
  const stream = await openStream(context, scope);
  const tally = new Tally();
  const started = clock.now();
  const requestsBefore = http.requests;
  const ended = await drain(context, scope, stream, tally);
  await journal.recordPoll({
    stream: stream.key,
    source: context.config.name,
    at: started,
    durationMs: Math.max(0, clock.now() - started),
    requests: http.requests - requestsBefore,
    rows: tally.rows,
    new: tally.new,
    changed: tally.updated,
    outcome: ended.error instanceof Error ? ended.error.name : ended.outcome,
    error: ended.outcome === 'failed' ? explain(ended.error) : undefined,
  });
  return { scope, tally, failedBefore: stream.lastError, ...ended };
}

type Ending = Pick<PollResult, 'outcome' | 'error'>;

async function drain(context: PollContext, scope: Scope, stream: StreamState, tally: Tally): Promise<Ending> {
  const { signal } = context;
  try {
    for await (const page of pages(context, { scope, stream, tally })) {
      await commitPage({ context, scope, stream, page, tally });
      signal.throwIfAborted();
      await requireRoom(context, scope, stream);
    }
    return { outcome: 'complete' };
  } catch (error) {
    if (error instanceof StateError) throw error;
    if (error instanceof OutOfBudgetError) {
      tally.owed = Math.max(tally.owed, 1);
      return { outcome: 'owed', error };
    }
    if (signal.aborted) return { outcome: 'cut', error };
    return { outcome: 'failed', error };
  }
}

async function* pages(
  context: PollContext,
  { scope, stream, tally }: Pick<PageTask, 'scope' | 'stream' | 'tally'>,
): AsyncIterable<PageTask['page']> {
  await requireRoom(context, scope, stream);
  tally.add(await context.commits.run(() => tellGaps(context, scope, stream)));
  try {
    yield* context.config.definition.poll(
      lendStream(context, scope, stream),
      decodeCursor(context.config, stream),
    );
  } catch (error) {
    const page = tooLargePage(error, Math.max(stream.owed, tally.owed));
    if (page !== undefined) yield page;
    throw error;
  }
}
