import { OutOfBudgetError, StateError, TooLargeError } from '../core/errors.ts';
import { type PollOutcome, type PollResult, PollStats, type SourcePollResult } from '../core/observers.ts';
import type { Schedule } from '../core/schedule.ts';
import { GAP_REASON, type Scope } from '../core/source.ts';
import { type CommitOptions, commitPage, emitOpenGaps, type PageToCommit, requireRoom } from './commit.ts';
import {
  type CollectContext,
  decodeCursor,
  isLeaseLost,
  type OpenStream,
  openStream,
  type PollContext,
  streamContext,
} from './context.ts';
import { firstDue, longestWaitingScopes, nextDue, storeDue } from './due.ts';
import { type Ending, PollRecorder } from './poll-record.ts';
import { levelOf, reportPoll, reportRefusal } from './report.ts';

/**
 * Collects from one source until the signal aborts: polls all its streams whenever it is due, one poll at a time.
 * Rejects only when the state cannot be used.
 */
export async function collectSource(context: CollectContext, schedule: Schedule): Promise<void> {
  const { clock, signal, observer, state } = context;
  let due = await firstDue(context, schedule);
  let outcome: PollOutcome = 'complete';
  while (!signal.aborted) {
    observer?.alive(Math.max(0, due - clock.now()));
    await clock.sleep(due - clock.now(), signal).catch(() => undefined);
    // A poll that could commit nothing is not begun.
    await state?.untilBack(signal);
    if (signal.aborted) break;
    outcome = (await pollSource(context))?.outcome ?? 'failed';
    due = nextDue(context, schedule);
    await storeDue(context, due);
  }
  // A poll that was cut, or that failed or was refused, is repeated at the next start or reload.
  if (outcome === 'cut' || outcome === 'failed') await storeDue(context, clock.now());
}

/** Polls all streams of a source once. Resolves with undefined when its circuit does not let it poll. */
export async function pollSource(context: CollectContext): Promise<SourcePollResult | undefined> {
  const { clock, circuit, observer } = context;
  if (!circuit.mayPoll(clock.now())) return undefined;
  observer?.alive();
  return context.polls.run(async () => {
    const began = clock.now();
    const result = await pollStreams(context);
    observer?.sourcePoll(result, Math.max(0, clock.now() - began));
    return result;
  });
}

const SEVERITY: readonly PollOutcome[] = ['complete', 'owed', 'cut', 'failed'];

/**
 * Polls each stream of a source. A stream that fails does not stop the others. A rejected credential does, because it is
 * the same for all, and so do a spent quota and a stop.
 */
async function pollStreams(context: CollectContext): Promise<SourcePollResult> {
  const { circuit } = context;
  const stats = new PollStats();
  const deferred = new Map<string, number>();
  const errors: unknown[] = [];
  let outcome: PollOutcome = 'complete';
  for await (const result of streamPolls(context)) {
    stats.add(result.stats);
    deferred.set(result.scope.id, result.stats.deferred);
    if (result.outcome === 'failed') errors.push(result.error);
    if (SEVERITY.indexOf(result.outcome) > SEVERITY.indexOf(outcome)) outcome = result.outcome;
    if (result.outcome === 'cut' || result.outcome === 'owed' || circuit.stopsSource) break;
  }
  stats.deferred = [...deferred.values()].reduce((sum, requests) => sum + requests, 0);
  if (outcome !== 'cut') circuit.pollEnded();
  return { source: context.config.name, outcome, stats, errors };
}

/** Polls each stream that the source offers: those with a task at once, the others by how long they waited. */
async function* streamPolls(context: CollectContext): AsyncIterable<PollResult> {
  const { config, source, journal, clock, circuit } = context;
  const offered = new Set<string>();
  const waiting: Scope[] = [];
  let failure: PollResult | undefined;
  try {
    for await (const scope of config.definition.streams(source)) {
      offered.add(scope.id);
      if (scope.task === undefined) waiting.push(scope);
      else yield await pollUnlessRefused(context, scope);
    }
  } catch (error) {
    if (error instanceof StateError) throw error;
    failure = discoveryFailed(context, error);
  }
  try {
    for (const scope of await longestWaitingScopes(context, waiting))
      yield await pollUnlessRefused(context, scope);
    if (failure === undefined) {
      await journal.sources.orphanStreams(config.name, [...offered]);
      circuit.keepOnly(offered);
      // Without streams, nothing else shows that the credential is accepted again.
      if (offered.size === 0) circuit.note(undefined, undefined, clock.now());
      discovered(context, true);
    }
  } catch (error) {
    if (error instanceof StateError) throw error;
    // A disk that is full for a while must not end a daemon.
    failure ??= discoveryFailed(context, error);
  }
  if (failure !== undefined) yield failure;
}

/** How a poll ends whose streams could not be discovered. */
function discoveryFailed(context: CollectContext, error: unknown): PollResult {
  const { signal, log, clock, circuit } = context;
  const ended = { scope: { id: '' }, stats: new PollStats(), error };
  if (isLeaseLost(context, error)) return { ...ended, outcome: 'cut' };
  if (error instanceof OutOfBudgetError) {
    ended.stats.deferred = 1;
    return { ...ended, outcome: 'owed' };
  }
  if (signal.aborted) return { ...ended, outcome: 'cut' };
  discovered(context, false);
  log[levelOf(context, error)]({ err: error }, 'Stream discovery failed.');
  if (circuit.note(undefined, error, clock.now())) reportRefusal(context, error);
  return { ...ended, outcome: 'failed' };
}

const UNDISCOVERED = 'penstock.undiscovered';

/** Notes whether the streams could be discovered, and logs when they can be again. */
function discovered({ source, log }: CollectContext, isDiscovered: boolean): void {
  if (isDiscovered && source.memo.get(UNDISCOVERED) === true) log.info('Source recovered.');
  source.memo.set(UNDISCOVERED, !isDiscovered);
}

async function pollUnlessRefused(context: CollectContext, scope: Scope): Promise<PollResult> {
  const { clock, circuit, observer } = context;
  const rejected = circuit.rejected(scope.id, clock.now());
  if (rejected !== undefined) return { scope, outcome: 'failed', stats: new PollStats(), error: rejected };
  const result = await pollStream(context, scope);
  reportPoll(context, result);
  observer?.streamPoll(result);
  if (result.outcome === 'cut' || result.outcome === 'owed') return result;
  if (circuit.note(scope.id, result.error, clock.now())) reportRefusal(context, result.error, scope.id);
  return result;
}

/**
 * Polls one stream until it is caught up. Rejects only when the state cannot be used; whatever the vendor does is in the
 * result.
 */
export async function pollStream(context: PollContext, scope: Scope): Promise<PollResult> {
  const stream = await openStream(context, scope);
  const stats = new PollStats();
  const recorder = new PollRecorder(context, stream);
  const ended = await readPages(context, stream, { stats, recorder });
  const result = { scope, stats, failedBefore: stream.state.lastError, ...ended };
  try {
    await recorder.end(stats, ended);
  } catch (error) {
    if (!isLeaseLost(context, error)) throw error;
    return { ...result, outcome: 'cut', error };
  }
  return result;
}

/**
 * Each page is committed before the next is requested, so the cursor is never ahead of durable data. When the journal
 * is full the stream waits for a later poll, or what it misses is recorded as a gap.
 */
async function readPages(
  context: PollContext,
  stream: OpenStream,
  { stats, recorder }: Required<Pick<CommitOptions, 'stats' | 'recorder'>>,
): Promise<Ending> {
  const { signal } = context;
  try {
    await requireRoom(context, stream);
    stats.add(await context.commits.run(() => emitOpenGaps(context, stream)));
    for await (const page of pages(context, stream, stats)) {
      await commitPage(context, stream, page, { stats, recorder });
      signal.throwIfAborted();
      await requireRoom(context, stream);
    }
    return { outcome: 'complete' };
  } catch (error) {
    if (error instanceof StateError) throw error;
    if (isLeaseLost(context, error)) return { outcome: 'cut', error };
    if (error instanceof OutOfBudgetError) {
      stats.deferred = Math.max(stats.deferred, 1);
      return { outcome: 'owed', error };
    }
    return { outcome: signal.aborted ? 'cut' : 'failed', error };
  }
}

/** The pages of the source. An answer that is too large ends them with one more page, which records the gap. */
async function* pages(
  context: PollContext,
  stream: OpenStream,
  stats: PollStats,
): AsyncIterable<PageToCommit> {
  const { config } = context;
  try {
    yield* config.definition.poll(streamContext(context, stream), decodeCursor(config, stream.state));
  } catch (error) {
    const page = tooLargePage(error, Math.max(stream.state.deferred, stats.deferred));
    if (page !== undefined) yield page;
    throw error;
  }
}

/** The page that records the gap of an answer that was too large; undefined for any other error. */
function tooLargePage(error: unknown, deferred: number): PageToCommit | undefined {
  if (!(error instanceof TooLargeError) || error.asked === undefined) return undefined;
  const { from, to } = error.asked;
  if (to <= from) return undefined;
  return { observations: [], gaps: [{ from, to, reason: GAP_REASON.tooLarge, part: '' }], deferred };
}
