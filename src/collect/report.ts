import { explain, JournalFullError, PenstockError } from '../core/errors.ts';
import type { PollContext } from './context.ts';
import type { PollResult } from '../core/poll-stats.ts';

/** Says in the log how a poll ended. A poll that went well says nothing above debug. */
export function report(
  { log, config }: PollContext,
  { scope, outcome, stats, error, failedBefore }: PollResult,
): void {
  const fields = {
    penstock: {
      source: config.name,
      stream: scope.id,
      rows: stats.rows,
      new: stats.new,
      updated: stats.updated,
    },
  };
  if (outcome === 'complete' && failedBefore !== undefined) {
    log.info({ ...fields, event: { reason: failedBefore } }, 'Source recovered.');
  }
  if (outcome !== 'failed') {
    log.debug(fields, `Poll ended: ${outcome}.`);
  } else if (error instanceof JournalFullError) {
    log.warn(fields, error.message);
  } else if (error instanceof PenstockError) {
    log.error({ ...fields, error: { type: error.name, message: explain(error) } }, ADVICE[error.blame]);
  } else {
    log.error(
      { ...fields, err: error },
      'Poll failed by a bug of Penstock; its cursor is kept. Please report it.',
    );
  }
  if (stats.schemaChanged) {
    log.warn(
      fields,
      'More than half of a page did not fit its schema: the vendor may have changed its answer. The rows are shipped as pipeline errors.',
    );
  }
}

const ADVICE = {
  operator: 'Poll failed; its cursor is kept. Action required: see the error.',
  nobody: 'Poll failed; its cursor is kept. The next poll tries again.',
  developer: 'Poll failed; its cursor is kept. The vendor answered in a way that this release does not know.',
} as const;
