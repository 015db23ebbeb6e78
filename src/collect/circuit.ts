import { explain, isRefusal, type RefusedError, UnauthorisedError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Refusal } from '../core/state.ts';

/** A rejected credential is tried again after this time, with one request. Milliseconds. */
const RETRY_AFTER = 3_600_000;

/** The circuit is open: something is not polled. */
interface Break {
  readonly error: UnauthorisedError | RefusedError;
  /** When the vendor refused it first, without an acceptance since. Epoch ms. */
  readonly since: number;
  /** When the vendor refused it last, epoch ms. */
  readonly at: number;
  /** A secret changed since then, so it is tried at the next poll. */
  readonly isReset?: boolean;
}

/**
 * Keeps a source from sending requests that the vendor refuses, and owns the state of that refusal: nothing else in the
 * process keeps a copy of it. A 401 stops the whole source and a 403 its stream, until a secret changes; once an hour
 * one request is tried. A 422 stops its stream until a secret changes, a reload or a start, because a request answered
 * 422 is not sent again by itself. A new circuit is closed: a start tries everything.
 */
export class Circuit {
  readonly #secrets: readonly Secret[];
  #source: Break | undefined;
  readonly #streams = new Map<string, Break>();
  /** What the process before left: shown until the first poll ends, and no reason not to poll. */
  #before: Refusal | undefined;

  /** `options` is searched for secrets. `before` is the refusal that the process before reported last. */
  constructor(options: unknown, before?: Refusal) {
    this.#secrets = [...secretsIn(options)];
    this.#before = before && { ...before, until: 0 };
  }

  /** Why the source is refused now, rejected credentials first; undefined when nothing is refused. */
  get refused(): Refusal | undefined {
    return this.refusals[0];
  }

  /** At most one refusal of a credential (401, 403), then at most one of a request (422). */
  get refusals(): readonly Refusal[] {
    return [false, true].flatMap((misconfigured) => this.#refusal(misconfigured) ?? []);
  }

  /** Whether no stream of the source may be polled any more in this poll. */
  get stopsSource(): boolean {
    return this.#source !== undefined && this.#source.isReset !== true;
  }

  /**
   * Reads the secret files again, and says whether the source may be polled now. A changed secret resets the circuit.
   */
  mayPoll(now: number): boolean {
    if (this.#secrets.map((secret) => secret.refresh()).includes(true)) {
      if (this.#source !== undefined) this.#source = { ...this.#source, isReset: true };
      for (const [scope, one] of this.#streams) this.#streams.set(scope, { ...one, isReset: true });
    }
    return mayTry(this.#source, now);
  }

  /** The error of a stream that must not be polled now; undefined when it may be polled. */
  rejected(scope: string, now: number): UnauthorisedError | RefusedError | undefined {
    const one = this.#streams.get(scope);
    return mayTry(one, now) ? undefined : one?.error;
  }

  /**
   * Notes how the poll of a stream ended (`error` undefined: completely), or the discovery of streams, which has no
   * scope. Returns true when that stops something that was polled before.
   */
  note(scope: string | undefined, error: unknown, now: number): boolean {
    const known = this.#source ?? this.#streams.get(scope ?? '');
    const wasPolled = known === undefined || known.isReset === true;
    const since = isRefusal(error) ? this.#refusal(isMisconfigured(error))?.since : undefined;
    if (error === undefined) this.#source = undefined;
    if (scope !== undefined) this.#streams.delete(scope);
    if (!isRefusal(error)) return false;
    const one = { error, since: since ?? now, at: now };
    if (scope === undefined || error.status === 401) this.#source = one;
    else this.#streams.set(scope, one);
    return wasPolled;
  }

  /** Forgets the streams that the source no longer has. */
  keepOnly(scopes: ReadonlySet<string>): void {
    for (const scope of this.#streams.keys()) if (!scopes.has(scope)) this.#streams.delete(scope);
  }

  /** A poll of the source ended: forgets the refusals that were tried again and not found again. */
  pollEnded(): void {
    this.#before = undefined;
    if (this.#source?.isReset === true) this.#source = undefined;
    for (const [scope, { isReset }] of this.#streams) if (isReset === true) this.#streams.delete(scope);
  }

  #refusal(misconfigured: boolean): Refusal | undefined {
    const breaks = [...(this.#source === undefined ? [] : [this.#source]), ...this.#streams.values()].filter(
      ({ error }) => isMisconfigured(error) === misconfigured,
    );
    const before = this.#before?.misconfigured === misconfigured ? this.#before : undefined;
    const [first] = breaks;
    if (first === undefined) return before;
    return {
      since: Math.min(before?.since ?? Infinity, ...breaks.map(({ since }) => since)),
      reason: explain(first.error),
      until: nextTry(breaks),
      misconfigured,
    };
  }
}

function isMisconfigured(error: UnauthorisedError | RefusedError): boolean {
  return !(error instanceof UnauthorisedError);
}

/**
 * Epoch ms; 0 for the next poll, undefined when only a changed configuration helps. What was rejected again after a reset
 * counts before what is still to be tried.
 */
function nextTry(breaks: readonly Break[]): number | undefined {
  const waiting = breaks.filter(({ isReset }) => isReset !== true);
  if (waiting.length === 0) return 0;
  const tries = waiting.filter(({ error }) => !isMisconfigured(error)).map(({ at }) => at + RETRY_AFTER);
  return tries.length === 0 ? undefined : Math.min(...tries);
}

function mayTry(one: Break | undefined, now: number): boolean {
  if (one === undefined || one.isReset === true) return true;
  return !isMisconfigured(one.error) && Math.abs(now - one.at) >= RETRY_AFTER;
}

function* secretsIn(value: unknown): Iterable<Secret> {
  if (value instanceof Secret) yield value;
  else if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) yield* secretsIn(member);
}
