import { StateError, UnauthorisedError } from '../errors.ts';
import type { CollectContext } from './context.ts';
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

export const SEVERITY = ['complete', 'owed', 'cut', 'failed'] as const;

/**
 * Polls every stream of a source once, in the order that the source gives. A stream that fails does not stop the
 * others, but a refused credential does: it is the same for all. Rejects only when the state cannot be used.
 */
export async function sweep(context: CollectContext): Promise<SweepResult> {
  const tally = new Tally();
  const errors: unknown[] = [];
  let outcome: PollResult['outcome'] = 'complete';
  for await (const result of polls(context)) {
    tally.add(result.tally);
    if (result.outcome === 'failed') errors.push(result.error);
    if (SEVERITY.indexOf(result.outcome) > SEVERITY.indexOf(outcome)) outcome = result.outcome;
    if (endsSweep(result)) break;
  }
  return { source: context.config.name, outcome, tally, errors };
}

function endsSweep({ outcome, error }: PollResult): boolean {
  return outcome === 'cut' || outcome === 'owed' || error instanceof UnauthorisedError;
}

async function* polls(context: CollectContext): AsyncIterable<PollResult> {
  const { config, run, signal, log } = context;
  const failed = new Set<string>();
  try {
    for await (const scope of config.definition.streams(run)) {
      // A source that orders its work by cursors would offer a failed part for ever: its cursor did not move.
      if (failed.has(scope.id)) continue;
      const result = await pollStream(context, scope);
      if (result.outcome === 'failed') failed.add(scope.id);
      report(context, result);
      yield result;
    }
  } catch (error) {
    if (error instanceof StateError) throw error;
    const outcome = signal.aborted ? 'cut' : 'failed';
    if (outcome === 'failed')
      log.error(
        { err: error, penstock: { source: config.name } },
        'What there is to poll could not be found out.',
      );
    yield { scope: { id: '' }, outcome, tally: new Tally(), error };
  }
}
