import type { Clock } from '../core/clock.ts';
import type { HeldRequest, RequestJournal } from '../journal/request.ts';
import { outcomeOf, progressOf, type Outcome } from './wanted.ts';

/** How often it is looked how far a request has come. Milliseconds. */
const LOOK_EVERY = 500;

/** A request that nobody can carry out for so long is abandoned: a daemon that starts again is back sooner. Milliseconds. */
const PATIENCE = 30_000;

const WITHDRAWN = { code: 4, message: 'It was withdrawn, since nobody had begun with it.' };

/** Why a request is followed no longer. */
export type Followed =
  | { readonly kind: 'finished'; readonly outcome: Outcome }
  /** It is open, and waits for a destination. */
  | { readonly kind: 'stuck'; readonly why: string }
  /** Nobody has begun with it in the time given; it is withdrawn. */
  | { readonly kind: 'unheard' }
  /** It is open, and nobody holds the state any more. */
  | { readonly kind: 'abandoned' }
  /** It is open, and the signal aborted. */
  | { readonly kind: 'stopped' };

interface Following {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told what each look shows. */
  readonly show: (request: HeldRequest) => void;
  /** Whether there is a process that could carry it out. */
  readonly isServed: () => boolean;
  /** How long it may take until somebody begins, milliseconds; then it is withdrawn. Default: as long as it takes. */
  readonly patience?: number;
}

/** Follows a request until it is finished, or there is a reason not to wait for that. */
export async function follow(
  journal: Pick<RequestJournal, 'request' | 'finishRequest'>,
  id: number,
  { clock, signal, show, isServed, patience = Infinity }: Following,
): Promise<Followed> {
  const askedAt = clock.now();
  let servedAt = askedAt;
  for (;;) {
    const request = await journal.request(id);
    if (request === undefined) return { kind: 'abandoned' };
    show(request);
    const outcome = outcomeOf(request);
    if (outcome !== undefined) return { kind: 'finished', outcome };
    const why = progressOf(request)?.stuck;
    if (why !== undefined) return { kind: 'stuck', why };
    if (request.progress === undefined && clock.now() - askedAt >= patience) {
      await journal.finishRequest(id, WITHDRAWN, clock.now());
      return { kind: 'unheard' };
    }
    if (isServed()) servedAt = clock.now();
    if (clock.now() - servedAt >= PATIENCE) return { kind: 'abandoned' };
    await clock.sleep(LOOK_EVERY, signal).catch(() => undefined);
    if (signal.aborted) return { kind: 'stopped' };
  }
}
