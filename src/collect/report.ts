import { explain, JournalFullError, PenstockError, UnauthorisedError } from '../core/errors.ts';
import type { PollResult } from '../core/observers.ts';
import { GAP_REASON, type Gap, type Scope } from '../core/source.ts';
import { JournalWriteError } from '../journal/journal.ts';
import type { CollectContext, PollContext } from './context.ts';

const ADVICE = {
  operator: 'Poll failed; its cursor is kept. Action required: see the error.',
  nobody: 'Poll failed; its cursor is kept. The next poll tries again.',
  developer:
    'Poll failed; its cursor is kept. The vendor sent a response that the source type does not expect: see the error. Correct its definition if it is yours; report it otherwise.',
} as const;

/** The level for an error of a poll: that the journal cannot be used is logged once for all. */
export function levelOf({ state }: Pick<PollContext, 'state'>, error: unknown): 'error' | 'debug' {
  return error instanceof JournalWriteError ? (state?.level ?? 'error') : 'error';
}

/** Logs how the poll of a stream ended. A poll that ended well writes nothing above debug. */
export function reportPoll(context: PollContext, result: PollResult): void {
  const { log, config } = context;
  const { scope, outcome, stats, error, failedBefore } = result;
  const fields = {
    penstock: {
      source: config.name,
      stream: scope.id,
      rows: stats.rows,
      new: stats.new,
      updated: stats.updated,
      ...(stats.dropped > 0 && { dropped: stats.dropped }),
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
    const words = { type: error.name, message: explain(error) };
    log[levelOf(context, error)]({ ...fields, error: words }, ADVICE[error.blame]);
  } else {
    log.error(
      { ...fields, err: error },
      'Poll failed because of a bug in Penstock; its cursor is kept. Please report it.',
    );
  }
  if (stats.schemaChanged) {
    log.warn(
      fields,
      'More than half of the rows of a page did not fit their schema: the vendor may have changed its answer, or a path of the definition is wrong. The rows are sent as pipeline errors.',
    );
  }
}

/** Logs that polling has stopped, of the whole source or of one stream, and when it is tried again. */
export function reportRefusal({ log, circuit }: CollectContext, error: unknown, stream?: string): void {
  const next = circuit.refused?.until;
  const fields = {
    penstock: {
      ...(stream !== undefined && { stream }),
      ...(next !== undefined && next > 0 && { next_try_at: new Date(next).toISOString() }),
    },
  };
  log.error(
    fields,
    error instanceof UnauthorisedError
      ? 'Polling paused: the credential was rejected. Replace it or correct its rights; it is tried once an hour, and at once when a secret file changes.'
      : 'Polling paused: the vendor rejected the request. Correct the options of the source, then reload or restart.',
  );
}

const GAPS: Readonly<Record<string, string>> = {
  [GAP_REASON.ledgerFull]:
    'A gap: the ledger reached ledger.max and forgot what was sent for this span. If the vendor returns it again, it is sent again.',
};

/** Logs what is missing. */
export function reportGap({ log, config }: PollContext, scope: Scope, gap: Gap): void {
  const fields = {
    source: config.name,
    stream: scope.id,
    part: gap.part,
    reason: gap.reason,
    from: new Date(gap.from).toISOString(),
    to: new Date(gap.to).toISOString(),
  };
  log.warn(
    { penstock: { gap: fields } },
    GAPS[gap.reason] ??
      'A gap: this span could not be read completely. `penstock gaps` lists what is missing and why.',
  );
}

const RULES_REPORTED = 'penstock.failed-rules';

/** Warns once of each expression of `shape.drop` that failed. */
export function reportFailedRules(
  { config, log, source }: PollContext,
  failed: ReadonlyMap<string, string>,
): void {
  if (failed.size === 0) return;
  const reported = (source.memo.get(RULES_REPORTED) ?? new Set()) as Set<string>;
  source.memo.set(RULES_REPORTED, reported);
  for (const [rule, reason] of failed) {
    if (reported.has(rule)) continue;
    reported.add(rule);
    log.warn(
      { penstock: { source: config.name, rule }, error: { message: reason } },
      'An expression of shape.drop failed for an event, which is sent. Correct the expression: see the error. It is not logged again until the next start.',
    );
  }
}

const FIELDS_REPORTED = 'penstock.shortened-fields';

/** Warns once of each field that takes one value and got a list. */
export function reportShortened({ config, log, source }: PollContext, fields: ReadonlySet<string>): void {
  if (fields.size === 0) return;
  const reported = (source.memo.get(FIELDS_REPORTED) ?? new Set()) as Set<string>;
  source.memo.set(FIELDS_REPORTED, reported);
  for (const field of fields) {
    if (reported.has(field)) continue;
    reported.add(field);
    log.warn(
      { penstock: { source: config.name, field } },
      'A field that takes one value got a list, and has its first element. Map it to a field that takes a list, or choose an element. It is not logged again until the next start.',
    );
  }
}

/** The log warns when the ledger holds more than this share of its bound. */
const WARN_ABOVE = 0.8;
const WARNED = 'penstock.ledger-warned';

/** Warns once when the ledger of a source, of so many bytes, is nearly at its bound. */
export function reportLedger({ config, log, source }: PollContext, bytes: number): void {
  const { max } = config.options.ledger;
  const isMuch = bytes > max * WARN_ABOVE;
  if (isMuch && source.memo.get(WARNED) !== true) {
    log.warn(
      { penstock: { source: config.name, ledger: { bytes, max } } },
      'The ledger is nearly at ledger.max. At the limit its oldest entries are deleted, and their records are sent again if the vendor returns them again. Raise ledger.max if the disk has room, or find out why the vendor returns so many records.',
    );
  }
  source.memo.set(WARNED, isMuch);
}
