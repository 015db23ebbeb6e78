import { Secret } from '../core/secret.ts';
import { isRefusal, type RefusedError, UnauthorisedError } from '../core/errors.ts';

/** A refused credential is tried again this often, with one request. */
const RETRY_AFTER = 3_600_000;

interface Stop {
  readonly error: UnauthorisedError | RefusedError;
  readonly at: number;
}

/**
 * What of a source may be polled. 401 stops all of it, 403 the stream that was refused: until a secret file changes,
 * and once an hour one request is tried. 422 stops the stream until a secret changes, a reload or a start, because a
 * request answered 422 is not sent again. Lives in memory: a start tries everything.
 */
export class Halt {
  readonly #secrets: readonly Secret[];
  #source: Stop | undefined;
  readonly #streams = new Map<string, Stop>();
  #isUndiscovered = false;

  /** `options` is searched for secrets, which are read again before each sweep. */
  constructor(options: unknown) {
    this.#secrets = [...secretsIn(options)];
  }

  /** The error that stopped the whole source, undefined while it goes. */
  get error(): UnauthorisedError | RefusedError | undefined {
    return this.#source?.error;
  }

  /**
   * Before when nothing that is stopped is tried, epoch ms: 0 while nothing is stopped, undefined when all that is
   * waits for somebody.
   */
  get nextTry(): number | undefined {
    const stops = [...(this.#source === undefined ? [] : [this.#source]), ...this.#streams.values()];
    if (stops.length === 0) return 0;
    const tries = stops
      .filter(({ error }) => error instanceof UnauthorisedError)
      .map(({ at }) => at + RETRY_AFTER);
    return tries.length === 0 ? undefined : Math.min(...tries);
  }

  /** Takes note of whether the streams could be found out; true when they could not before, and can now. */
  discovered(isDiscovered: boolean): boolean {
    const recovered = isDiscovered && this.#isUndiscovered;
    this.#isUndiscovered = !isDiscovered;
    return recovered;
  }

  /** Reads the secret files again, and says whether the source may be polled now. A changed secret frees everything. */
  mayPoll(now: number): boolean {
    if (this.#secrets.map((secret) => secret.refresh()).includes(true)) {
      this.#source = undefined;
      this.#streams.clear();
    }
    return mayTry(this.#source, now);
  }

  /** The error of a stream that must not be polled now; undefined when it may. */
  stopped(scope: string, now: number): UnauthorisedError | RefusedError | undefined {
    const stop = this.#streams.get(scope);
    return mayTry(stop, now) ? undefined : stop?.error;
  }

  /**
   * Takes note of how a stream's poll ended (`error` undefined: well), or, without a scope, what came of asking for
   * the streams. Returns true when it stops something that was going.
   */
  note(scope: string | undefined, error: unknown, now: number): boolean {
    const wasGoing = this.#source === undefined && !this.#streams.has(scope ?? '');
    if (error === undefined) this.#source = undefined;
    if (scope !== undefined) this.#streams.delete(scope);
    if (!isRefusal(error)) return false;
    if (scope === undefined || error.status === 401) this.#source = { error, at: now };
    else this.#streams.set(scope, { error, at: now });
    return wasGoing;
  }
}

function mayTry(stop: Stop | undefined, now: number): boolean {
  if (stop === undefined) return true;
  return stop.error instanceof UnauthorisedError && Math.abs(now - stop.at) >= RETRY_AFTER;
}

function* secretsIn(value: unknown): Iterable<Secret> {
  if (value instanceof Secret) yield value;
  else if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) yield* secretsIn(member);
}
