import { StateError } from '../errors.ts';
import type { Scope } from '../source.ts';
import type { CollectContext } from './context.ts';
import type { Halt } from './halt.ts';
import { pollStream, type PollResult } from './poll-stream.ts';
import { report } from './report.ts';
import { Tally } from './tally.ts';

/** How one sweep over all streams of a source ended. */
export interface SweepResult {
  readonly source: string;
  /** The worst of its streams: failed, cut, owed, complete. */
  readonly outcome: PollResult['outcome'];
  readonly tally: Tally;
  /** What failed, a stream each; a failed discovery is one too. */
  readonly errors: readonly unknown[];
}

const SEVERITY = ['complete', 'owed', 'cut', 'failed'] as const;

/**
 * Polls every stream of a source once, in the order that the source gives. A stream that fails does not stop the
 * others, but a refused credential does: it is the same for all. Rejects only when the state cannot be used.
 */
export async function sweep(context: CollectContext, halt: Halt): Promise<SweepResult> {
  const tally = new Tally();
  const owed = new Map<string, number>();
  const errors: unknown[] = [];
  let outcome: PollResult['outcome'] = 'complete';
  for await (const result of polls(context, halt)) {
    tally.add(result.tally);
    owed.set(result.scope.id, result.tally.owed);
    if (result.outcome === 'failed') errors.push(result.error);
    if (SEVERITY.indexOf(result.outcome) > SEVERITY.indexOf(outcome)) outcome = result.outcome;
    if (result.outcome === 'cut' || result.outcome === 'owed' || halt.error !== undefined) break;
  }
  tally.owed = [...owed.values()].reduce((sum, requests) => sum + requests, 0);
  return { source: context.config.name, outcome, tally, errors };
}

async function* polls(context: CollectContext, halt: Halt): AsyncIterable<PollResult> {
  const { config, run, signal, log, clock, journal } = context;
  const offered = new Set<string>();
  try {
    for await (const scope of config.definition.streams(run)) {
      offered.add(scope.id);
      yield await pollUnlessStopped(context, halt, scope);
    }
    await journal.orphanStreams(config.name, [...offered]);
  } catch (error) {
    if (error instanceof StateError) throw error;
    const outcome = signal.aborted ? 'cut' : 'failed';
    if (outcome === 'failed') {
      log.error({ err: error }, 'What there is to poll could not be found out.');
      if (halt.note(undefined, error, clock.now())) log.error(STOPPED);
    }
    yield { scope: { id: '' }, outcome, tally: new Tally(), error };
  }
}

const STOPPED =
  'Stopped, because it is refused. Mend its settings or its secret; the cursor is kept. A refused credential is tried again once an hour.';

async function pollUnlessStopped(context: CollectContext, halt: Halt, scope: Scope): Promise<PollResult> {
  const { clock, log } = context;
  const stopped = halt.stopped(scope.id, clock.now());
  if (stopped !== undefined) return { scope, outcome: 'failed', tally: new Tally(), error: stopped };
  const result = await pollStream(context, scope);
  report(context, result);
  context.watch?.poll(result);
  if (result.outcome === 'cut' || result.outcome === 'owed') return result;
  if (halt.note(scope.id, result.error, clock.now())) log.error({ penstock: { stream: scope.id } }, STOPPED);
  return result;
}
