import type { JournaledEvent } from '../core/event.ts';
import { explain, PenstockError, StateError } from '../core/errors.ts';
import type { JournalView, PageCommit } from '../journal/journal.ts';
import type { PollContext } from './context.ts';
import { lendRun } from './lend-source.ts';
import { Serial } from './serial.ts';
import type { PollResult } from '../core/poll-stats.ts';
import { pollStream } from './poll-stream.ts';
import { ShadowJournal } from './shadow-journal.ts';

interface PreviewParts extends Omit<PollContext, 'journal' | 'run' | 'commits'> {
  readonly view: JournalView;
  /** Ends the preview after so many events. */
  readonly limit: number;
  readonly show: (event: JournaledEvent, page: PageCommit) => void;
}

/** How a preview ended. */
export interface PreviewResult {
  readonly shown: number;
  /** What failed, a stream each, in words. */
  readonly errors: readonly string[];
  /** Streams were left out, because the budget has nothing left. */
  readonly partial: boolean;
}

/**
 * One poll of each stream of a source from where its cursor stands, and what it would ship. Nothing is written but the
 * budget; no stream after the first waits for a slot in it. Rejects when the state cannot be read.
 */
export async function preview({ view, limit, show, ...parts }: PreviewParts): Promise<PreviewResult> {
  const enough = new AbortController();
  let shown = 0;
  const journal = new ShadowJournal(view, (page) => {
    for (const event of page.events.slice(0, limit - shown)) {
      show(event, page);
      shown += 1;
    }
    if (shown >= limit) enough.abort();
  });
  const { config, http, log, signal } = parts;
  const run = lendRun({ journal, http, log, signal, mode: 'run' }, config);
  const ends = AbortSignal.any([signal, enough.signal]);
  const context: PollContext = {
    ...parts,
    journal,
    run,
    signal: ends,
    commits: new Serial(),
  };
  const errors: string[] = [];
  let partial = false;
  try {
    for await (const { outcome, error } of polls(context)) {
      if (outcome === 'left') partial = true;
      if (outcome === 'failed') errors.push(explain(error));
    }
  } catch (error) {
    if (error instanceof StateError || !(error instanceof PenstockError)) throw error;
    errors.push(explain(error));
  }
  return { shown, errors, partial };
}

type Ending = Pick<PollResult, 'error'> & { readonly outcome: PollResult['outcome'] | 'left' };

async function* polls(context: PollContext): AsyncGenerator<Ending> {
  const { config, http, run, signal } = context;
  const polled = new Set<string>();
  for await (const scope of config.definition.streams(run)) {
    // A stream that comes again would be asked for what it owes, poll after poll.
    if (polled.has(scope.id)) return;
    if (polled.size > 0 && (await isSpent(context))) {
      yield { outcome: 'left' };
      return;
    }
    const requests = http.requests;
    const result = await pollStream(context, scope);
    yield result;
    if (http.requests > requests || result.outcome !== 'complete') polled.add(scope.id);
    if (signal.aborted) return;
  }
}

/** The operator's quota is for all routes where the vendor documents none. */
async function isSpent({ config, http }: PollContext): Promise<boolean> {
  const [main] = config.definition.quotas(config.options);
  return (await http.available(main?.route ?? '*')) < 1;
}
