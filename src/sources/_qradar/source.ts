import { defineSource, type Scope } from '../../core/source.ts';
import { loginAttemptFields, normaliser, record } from './normalise.ts';
import { poll, readPast } from './poll.ts';
import { probe } from './probe.ts';
import { authorise, cursor, options, rewind, slackOf } from './schemas.ts';

/** The difference between the two vendors of the console. The API is the same. */
interface Vendor {
  readonly id: string;
  readonly title: string;
  readonly vendor: string;
  readonly product: string;
  /** `event.module`, and the namespace of the vendor's own fields. */
  readonly module: string;
}

/** Logins to a console: `GET /api/access/login_attempts`, which IBM and Juniper document in the same words. */
export function consoleSource({ module, ...names }: Vendor) {
  return defineSource({
    ...names,
    dataset: `${module}.login_attempts`,
    categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
    fields: loginAttemptFields(module),
    // As a hash.
    keyFields: [
      'user.id',
      'source.address',
      'source.ip',
      'event.outcome',
      ...Object.keys(loginAttemptFields(module)),
    ],
    stream: 'append-only',
    canReread: true,
    options,
    cursor,
    record,
    // Neither vendor documents a limit of requests.
    quotas: () => [],
    authorise,
    streams: wholeConsole,
    poll,
    backfill: { streams: wholeConsole, read: readPast },
    probe,
    rewind,
    settledUntil: ({ settle }, now) => now - settle,
    clockTolerance: slackOf,
    normalise: normaliser(module),
  });
}

/** A console is one stream. */
async function* wholeConsole(): AsyncGenerator<Scope> {
  yield { id: '' };
}
