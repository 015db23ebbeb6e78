import { OutOfBudgetError, StateError, UnauthorisedError } from '../core/errors.ts';
import type { Scope } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import type { CollectContext } from './context.ts';
import type { Halt } from './halt.ts';
import { streamOf } from './lend-stream.ts';
import { pollStream } from './poll-stream.ts';
import { report } from './report.ts';
import { PollStats, type PollResult, type SourcePollResult } from '../core/poll-stats.ts';
import { compareAsked } from './waiting.ts';

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
