import { defineSource } from '../../core/source.ts';
import { readPast } from './backfill.ts';
import { slackOf } from './clock.ts';
import { Cursor } from './cursor.ts';
import { loginAttemptEvent } from './ecs.ts';
import { loginAttemptFields } from './fields.ts';
import { authorise, ConsoleOptions } from './options.ts';
import { poll } from './poll.ts';
import { probe } from './probe.ts';
import { LoginAttempt } from './record.ts';
import { rewind } from './rewind.ts';
import { noDocumentedLimits, wholeConsole } from './scope.ts';

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
