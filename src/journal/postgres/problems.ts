import { DatabaseError } from 'pg';
import type { PostgresPlace } from '../../config/types.ts';
import { explain, PenstockError, StateError } from '../../core/errors.ts';
import { JournalWriteError } from '../journal.ts';
import { roleOf, serverInWords } from './connections.ts';

/** No answer came: the connection was not made, or it broke. */
export class NoAnswerError extends Error {}

/** The connection broke behind a COMMIT: it is not known whether the transaction was committed. */
export class UnknownOutcomeError extends JournalWriteError {
  constructor(place: PostgresPlace, cause: unknown) {
    super(
      `The connection to the database at ${serverInWords(place)} broke while a write was committed (${explain(cause)}). It is not known whether it was.`,
      { cause },
    );
  }
}

/** The transaction was rolled back by the server although no statement failed. */
export class RolledBackError extends Error {}

/** SQLSTATE of an error that the server sent, https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** Codes and classes of what may pass by itself: the same can be tried again. */
const MAY_PASS = [
  '08', // the connection
  '25006', // the server is read-only: a standby, or a primary that was replaced
  '25P02', // a statement before failed
  '25P03', // the transaction was idle for too long
  '40', // serialization, deadlock
  '53', // disk full, out of memory, too many connections
  '55P03', // a lock was not available in time
  '57', // cancelled, shutting down, starting up
  '58', // I/O
];

/** Of those, what no other use of the database at this moment would be spared. */
const AWAY = ['08', '25006', '53', '57P', '58'];

/** Whether the database could not be used at all: not that it refused one statement, for a lock or another transaction. */
export function isAway(error: unknown): boolean {
  if (error instanceof NoAnswerError || error instanceof UnknownOutcomeError) return true;
  const state = sqlState(error);
  return state !== undefined && AWAY.some((known) => state.startsWith(known));
}

/** What an error means to the rest of Penstock. Errors that tell of a bug come back as they are. */
export function translated(error: unknown, place: PostgresPlace): unknown {
  if (error instanceof PenstockError) return error;
  if (error instanceof NoAnswerError) return noAnswer(error, place);
  if (error instanceof RolledBackError) return failed(error, place);
  const state = sqlState(error);
  if (state === undefined) return error;
  const refusal = refusalOf(state, error as DatabaseError, place);
  if (refusal !== undefined) return new StateError(refusal, { cause: error });
  return MAY_PASS.some((known) => state.startsWith(known)) ? failed(error, place) : error;
}

/** Why the database refuses this process for good, and what to do. Undefined when it does not. */
function refusalOf(state: string, { message }: DatabaseError, place: PostgresPlace): string | undefined {
  const [server, role, schema] = [serverInWords(place), roleOf(place), place.schema];
  if (state.startsWith('28'))
    return `The database at ${server} refuses role ${role}: ${message}. Check the user and the password in state.postgres.url, and pg_hba.conf of the server.`;
  if (state === '3D000')
    return `The server of the state has no database like that: ${message}. Create it, or correct state.postgres.url.`;
  if (state === '42501')
    return `Role ${role} may not use the state in ${server}, schema ${schema}: ${message}. Grant it what docs/replicas.md lists.`;
  if (state === '3F000' || state === '42P01')
    return `The state in ${server}, schema ${schema}, has lost tables: ${message}. Restore them from a backup, or set state.postgres.schema to another schema to begin again.`;
  if (state === 'XX001' || state === 'XX002')
    return `The state in ${server}, schema ${schema}, is corrupt: ${message}. Restore it from a backup.`;
  return undefined;
}

function failed(error: unknown, place: PostgresPlace): JournalWriteError {
  const disk = sqlState(error) === '53100' ? ' The disk of the server is full. Free some space there.' : '';
  return new JournalWriteError(
    `The journal at ${serverInWords(place)} could not be read or written: ${explain(error)}.${disk} Nothing was changed.`,
    { cause: error },
  );
}

/** Codes of Node for certificates that do not verify, https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE = /CERT|SIGNATURE|ISSUER|HOSTNAME|ERR_TLS|ERR_SSL|^ERR_OSSL/;

/** Messages of `pg` that no waiting helps against. */
const NO_TLS = /^The server does not support SSL/;
const NO_PASSWORD = /^SASL: /;

function noAnswer(error: NoAnswerError, place: PostgresPlace): PenstockError {
  const { cause } = error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const words = explain(cause);
  const advice = adviceOn(code, words);
  if (advice !== undefined)
    return new StateError(`The database at ${serverInWords(place)} cannot be used: ${words}. ${advice}`, {
      cause,
    });
  return new JournalWriteError(
    `The database at ${serverInWords(place)} does not answer: ${words || code}. Nothing was changed.`,
    { cause },
  );
}

/** What to do about a connection that no waiting helps; undefined for others. */
function adviceOn(code: string, words: string): string | undefined {
  if (CERTIFICATE.test(code))
    return 'Check state.postgres.tls: its ca_file must hold the authority of the server.';
  if (NO_PASSWORD.test(words)) return 'Check the password in state.postgres.url.';
  if (!NO_TLS.test(words)) return undefined;
  return 'Turn TLS on there; or, where the network is trusted, add ?sslmode=disable to state.postgres.url.';
}
