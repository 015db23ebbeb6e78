import { RefusedError, UnauthorisedError } from '../errors.ts';
import { Secret } from '../config/secret.ts';

/** A refused credential is tried again this often, with one request. */
const RETRY_AFTER = 3_600_000;

/**
 * Whether a source may poll. 401 and 403 stop it until its secret file changes, and once an hour it tries one request;
 * 422 stops it until its secret changes, a reload or a start: a request answered 422 is not sent again (DESIGN §5).
 */
export class Halt {
  readonly #secrets: readonly Secret[];
  #stopped: { readonly error: UnauthorisedError | RefusedError; readonly at: number } | undefined;

  /** `options` is searched for secrets, which are read again before each try. */
  constructor(options: unknown) {
    this.#secrets = [...secretsIn(options)];
  }

  /** The error that stopped the source, undefined while it goes. */
  get error(): UnauthorisedError | RefusedError | undefined {
    return this.#stopped?.error;
  }

  /** Reads the secret files again, and says whether the source may poll now. */
  mayPoll(now: number): boolean {
    const changed = this.#secrets.map((secret) => secret.refresh()).includes(true);
    if (this.#stopped === undefined || changed) return true;
    return (
      this.#stopped.error instanceof UnauthorisedError && Math.abs(now - this.#stopped.at) >= RETRY_AFTER
    );
  }

  /** Takes note of how a sweep ended. Returns true when this stops a source that was going. */
  note(error: unknown, now: number): boolean {
    const going = this.#stopped === undefined;
    const stops =
      error instanceof UnauthorisedError || (error instanceof RefusedError && error.status === 422);
    this.#stopped = stops ? { error, at: now } : undefined;
    return stops && going;
  }
}

function* secretsIn(value: unknown): Iterable<Secret> {
  if (value instanceof Secret) yield value;
  else if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) yield* secretsIn(member);
}
