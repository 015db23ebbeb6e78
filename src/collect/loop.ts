import { explain, OutOfBudgetError, StateError, UnauthorisedError } from '../core/errors.ts';
import type { Schedule } from '../core/schedule.ts';
import {
  type CollectContext,
  decodeCursor,
  lendStream,
  openStream,
  type PollContext,
  streamOf,
} from './context.ts';
import type { Halt } from './circuit.ts';
import { type PollResult, PollStats, type SourcePollResult } from '../core/poll-stats.ts';
import type { Scope } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import { report } from './report.ts';
import { compareAsked } from './due.ts';
import type { StreamState } from '../journal/journal.ts';
import { commitPage, type PageTask } from './build-page.ts';
import { requireRoom, tellGaps } from './limits.ts';
import { tooLargePage } from './too-large.ts';

/**
 * Sweeps a source whenever it is due, one sweep at a time, until the signal aborts. The due time survives restarts;
 * a first run, and a due time that passed meanwhile, is due at once.
 */
export async function work(context: CollectContext, schedule: Schedule, halt: Halt): Promise<void> {
  const { clock, signal } = context;
  let due = await firstDue(context, schedule);
  let last: SourcePollResult['outcome'] = 'complete';
  while (!signal.aborted) {
    context.observer?.alive(Math.max(0, due - clock.now()));
    await clock.sleep(due - clock.now(), signal).catch(() => undefined);
    if (signal.aborted) break;
    last = (await turn(context, halt))?.outcome ?? 'failed';
    due = nextDue(context, schedule);
    await remember(context, due);
  }
  // What was cut, and what failed or is refused, is tried as soon as there is a start or a reload.
  if (last === 'cut' || last === 'failed') await remember(context, clock.now());
}

/** One sweep, unless the source is stopped. Undefined: it was. */
export async function turn(context: CollectContext, halt: Halt): Promise<SourcePollResult | undefined> {
  const { clock, observer } = context;
  if (!halt.mayPoll(clock.now())) return undefined;
  observer?.alive();
  return context.sweeps.run(async () => {
    const began = clock.now();
    const result = await sweep(context, halt);
    observer?.sourcePoll(result, Math.max(0, clock.now() - began));
    return result;
  });
}

async function firstDue(
  { journal, clock, config, log }: CollectContext,
  schedule: Schedule,
): Promise<number> {
  const now = clock.now();
  const stored = await journal.nextDue(config.name).catch((error: unknown) => {
    if (error instanceof StateError) throw error;
    log.error({ err: error }, 'The due time could not be read. Due now.');
    return undefined;
  });
  if (stored === undefined || stored <= now + schedule.interval) return stored ?? now;
  log.warn(
    { penstock: { source: config.name, next_due: new Date(stored).toISOString() } },
    'The stored due time is further away than the interval: the clock or the schedule changed. Due now.',
  );
  return now;
}

function nextDue({ config, clock, run }: CollectContext, schedule: Schedule): number {
  const now = clock.now();
  const scheduled = schedule.next(now);
  const vendorNow = run.now();
  const edge = config.definition.nextExtraPoll?.(config.options, vendorNow);
  return edge === undefined ? scheduled : Math.min(scheduled, now + edge - vendorNow);
}

/** A due time that could not be stored (a full disk) costs an early poll at the next start, nothing else. */
async function remember({ journal, config, log }: CollectContext, due: number): Promise<void> {
  try {
    await journal.setNextDue(config.name, due);
  } catch (error) {
    if (error instanceof StateError) throw error;
    log.error({ err: error }, 'The next due time could not be stored.');
  }
}

const SEVERITY = ['complete', 'owed', 'cut', 'failed'] as const;

/**
 * Polls every stream of a source once, those first that waited longest. A stream that fails does not stop the
 * others, but a refused credential does: it is the same for all. Rejects only when the state cannot be used.
 */
export async function sweep(context: CollectContext, halt: Halt): Promise<SourcePollResult> {
  const stats = new PollStats();
  const deferred = new Map<string, number>();
  const errors: unknown[] = [];
  let outcome: PollResult['outcome'] = 'complete';
  for await (const result of polls(context, halt)) {
    stats.add(result.stats);
    deferred.set(result.scope.id, result.stats.deferred);
    if (result.outcome === 'failed') errors.push(result.error);
    if (SEVERITY.indexOf(result.outcome) > SEVERITY.indexOf(outcome)) outcome = result.outcome;
    if (result.outcome === 'cut' || result.outcome === 'owed' || halt.error !== undefined) break;
  }
  stats.deferred = [...deferred.values()].reduce((sum, requests) => sum + requests, 0);
  return { source: context.config.name, outcome, stats, errors };
}

async function* polls(context: CollectContext, halt: Halt): AsyncIterable<PollResult> {
  const { config, run, journal } = context;
  const offered = new Set<string>();
  const gathered: Scope[] = [];
  let failure: PollResult | undefined;
  try {
    for await (const scope of config.definition.streams(run)) {
      offered.add(scope.id);
      if (scope.task === undefined) gathered.push(scope);
      else yield await pollUnlessStopped(context, halt, scope);
    }
  } catch (error) {
    if (error instanceof StateError) throw error;
    failure = undiscovered(context, halt, error);
  }
  try {
    for (const scope of await longestWaitFirst(context, gathered))
      yield await pollUnlessStopped(context, halt, scope);
    if (failure === undefined) await journal.orphanStreams(config.name, [...offered]);
    if (failure === undefined && halt.discovered(true)) context.log.info('Source recovered.');
  } catch (error) {
    // A disk that is full for a while must not end a daemon.
    if (error instanceof StateError) throw error;
    failure ??= undiscovered(context, halt, error);
  }
  if (failure !== undefined) yield failure;
}

/** How a sweep ends whose streams could not be found out. */
function undiscovered({ signal, log, clock }: CollectContext, halt: Halt, error: unknown): PollResult {
  const ended = { scope: { id: '' }, stats: new PollStats(), error };
  if (error instanceof OutOfBudgetError) {
    ended.stats.deferred = 1;
    return { ...ended, outcome: 'owed' };
  }
  if (signal.aborted) return { ...ended, outcome: 'cut' };
  halt.discovered(false);
  log.error({ err: error }, 'Stream discovery failed.');
  if (halt.note(undefined, error, clock.now())) tellStopped(log, halt, error);
  return { ...ended, outcome: 'failed' };
}

/**
 * Makes the streams known, and puts first those that were asked longest ago, or never: a budget below the demand, or a
 * deadline, must not keep the same streams waiting for ever.
 */
async function longestWaitFirst(
  { config, journal }: CollectContext,
  scopes: readonly Scope[],
): Promise<readonly Scope[]> {
  if (scopes.length < 2) return scopes;
  const states = await journal.openStreams(scopes.map((scope) => streamOf(config, scope)));
  return scopes
    .map((scope, index) => ({ scope, asked: states[index]?.asked ?? -Infinity }))
    .toSorted((one, other) => compareAsked(one.asked, other.asked))
    .map(({ scope }) => scope);
}

/** Says once that polling has stopped, of all of the source or of one stream, and when it is tried again. */
function tellStopped(log: Logger, halt: Halt, error: unknown, stream?: string): void {
  const next = halt.nextTry;
  const fields = {
    penstock: {
      ...(stream !== undefined && { stream }),
      ...(next !== undefined && next > 0 && { next_try_at: new Date(next).toISOString() }),
    },
  };
  if (error instanceof UnauthorisedError) {
    log.error(
      fields,
      'Polling paused: the credential was rejected. Replace it or correct its rights; it is tried once an hour, and at once when a secret file changes.',
    );
  } else {
    log.error(
      fields,
      'Polling paused: the vendor rejected the request. Correct the options of the source, then reload or restart.',
    );
  }
}

async function pollUnlessStopped(context: CollectContext, halt: Halt, scope: Scope): Promise<PollResult> {
  const { clock, log } = context;
  const stopped = halt.stopped(scope.id, clock.now());
  if (stopped !== undefined) return { scope, outcome: 'failed', stats: new PollStats(), error: stopped };
  const result = await pollStream(context, scope);
  report(context, result);
  context.observer?.streamPoll(result);
  if (result.outcome === 'cut' || result.outcome === 'owed') return result;
  if (halt.note(scope.id, result.error, clock.now())) tellStopped(log, halt, result.error, scope.id);
  return result;
}

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
