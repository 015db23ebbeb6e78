import { defineSource, type Quota, type Scope } from '../../core/source.ts';
import { LoginAttempt, loginAttemptEvent, loginAttemptFields } from './normalise.ts';
import { poll, readPast, slackOf } from './poll.ts';
import { probe } from './probe.ts';
import { authorise, ConsoleOptions, Cursor } from './schemas.ts';

/** What tells one vendor of the console from the other; the API is the same. */
interface Vendor {
  readonly id: string;
  readonly title: string;
  readonly vendor: string;
  readonly product: string;
  /** `event.module`, and the namespace of the document's five names. */
  readonly module: string;
}

/** Logins to a console: `GET /api/access/login_attempts`, as IBM and Juniper document it in the same words. */
export function consoleSource({ module, ...names }: Vendor) {
  return defineSource({
    ...names,
    dataset: `${module}.login_attempts`,
    categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
    fields: loginAttemptFields(module),
    stream: 'append-only',
    canReread: true,
    options: ConsoleOptions,
    cursor: Cursor,
    record: LoginAttempt,
    quotas: noDocumentedLimits,
    authorise,
    streams: wholeConsole,
    poll,
    backfill: { streams: wholeConsole, read: readPast },
    probe,
    rewind,
    settledUntil: ({ settle }, now) => now - settle,
    clockTolerance: (options) => slackOf({ options }),
    normalise: (attempt) => loginAttemptEvent(module, attempt),
  });
}

/** Neither vendor documents a limit of requests. */
export function noDocumentedLimits(): readonly Quota[] {
  return [];
}

/** A console is one stream. */
export async function* wholeConsole(): AsyncGenerator<Scope> {
  yield { id: '' };
}

/** Polls read again from `to` on. Rows that the ledger forgot meanwhile are told again, under the same ids. */
export function rewind(cursor: Cursor, to: number): Cursor {
  const { next, known, newest, passed: _, ...rest } = cursor;
  return {
    ...rest,
    next: Math.min(next, to),
    known: Math.min(known, to),
    ...(newest !== undefined && { newest: Math.min(newest, to) }),
  };
}
