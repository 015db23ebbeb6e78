import { readTenants, ROUTES, type Tenant } from '../_petra/api.ts';
import type { Scope, SourceContext } from '../../core/source.ts';
import {
  type Cursor,
  cursor,
  type Day,
  dayOf,
  initialCursor,
  isRead,
  newestClosed,
  type Options,
  unreadDays,
} from './schemas.ts';

/** One request: a day of a tenant, and why it is read. */
export interface Task {
  readonly kind: 'newest' | 'older' | 'partial' | 'again';
  readonly day: Day;
}

/** What a tenant waits for. */
export interface Due extends Task {
  /** The longest-waiting first: when it was last read, or last failed; 0 when never. Epoch ms. */
  readonly since: number;
  /** Its tenant could not be read a short while ago: all that others wait for comes first, in whatever process. */
  readonly late: boolean;
}

/** How long a tenant or a task that did not succeed lets others go first. Milliseconds. */
export const PATIENCE = 600_000;

export interface Moment {
  /** The vendor's clock, epoch ms. */
  readonly now: number;
  /** Days read before this are read again although `revise_interval` has not passed; 0: none. Epoch ms. */
  readonly againBefore: number;
}

const ORDER: Readonly<Record<Task['kind'], number>> = { newest: 0, older: 1, partial: 2, again: 3 };

/**
 * All that is due of one tenant: its unread closed days, the day that goes on, and what is to be read again for
 * revisions.
 */
export function dueOf(state: Cursor, options: Options, { now, againBefore }: Moment): Due[] {
  const newest = newestClosed(now, options.settle);
  const failed = Math.max(state.failedAt ?? 0, state.misreadAt ?? 0);
  const unread = unreadDays(state, newest).map((day): Waiting => {
    return { kind: day === newest ? 'newest' : 'older', day, since: failed };
  });
  const late = Math.abs(now - failed) < PATIENCE;
  const waiting = [
    ...unread,
    ...partial(state, options, now),
    ...again(state, options, { now, againBefore }),
  ];
  return waiting.map((due) => ({ ...due, late }));
}

type Waiting = Omit<Due, 'late'>;

function partial({ partialAt }: Cursor, { intraday_interval: interval }: Options, now: number): Waiting[] {
  if (interval === null || !hasPassed(interval, partialAt, now)) return [];
  return [{ kind: 'partial', day: dayOf(now), since: partialAt ?? 0 }];
}

function again(
  state: Cursor,
  { settle, revise_days: days, revise_interval: interval }: Options,
  { now, againBefore }: Moment,
): Waiting[] {
  const newest = newestClosed(now, settle);
  return Array.from({ length: days }, (_, back) => newest - back)
    .filter((day) => isRead(state, day))
    .map((day) => ({ day, since: state.readAt.find((one) => one.day === day)?.at ?? 0 }))
    .filter(({ since }) => hasPassed(interval, since, now) || since < againBefore)
    .map((due) => ({ kind: 'again', ...due }));
}

/** A time ahead of now was noted by a clock that went back since. */
function hasPassed(interval: number, since: number | undefined, now: number): boolean {
  return since === undefined || since > now || now - since >= interval;
}

/**
 * Which of two tasks, of whatever tenants, is done first: the newest closed day of all, then older days, newest first,
 * then the day that goes on, then what is read again, least recently read first. Tenants that failed come last.
 */
export function compareDue(one: Due, other: Due): number {
  if (one.late !== other.late) return one.late ? 1 : -1;
  const kinds = ORDER[one.kind] - ORDER[other.kind];
  if (kinds !== 0) return kinds;
  const days = one.kind === 'older' ? other.day - one.day : 0;
  return days === 0 ? one.since - other.since : days;
}

/** What a turn of `poll` is to do: one request, or only to say how the tenant stands. */
export type Turn = Task | 'standing';

/** How often tenants whose turn is far off say how they stand. Milliseconds. */
const STANDING_EVERY = 600_000;

/**
 * Spends the one request a minute where it is worth most, over all tenants, until nothing is due: chooses anew after
 * each, from the cursors, so that a day that closes meanwhile comes first.
 */
export async function* streams(run: SourceContext<Options>): AsyncGenerator<Scope> {
  let tenants = await readTenants(run);
  // Begun after the first answer: on a first run its date is the clock.
  const sweep = new Sweep(run);
  for (; ; tenants = await readTenants(run)) {
    const chosen = await sweep.choose(tenants);
    // What waits for its budget is told before the wait: a deadline may end it.
    if (chosen === undefined || (await run.http.available(ROUTES.failedAttacks)) < 1)
      yield* sweep.standings(tenants);
    if (chosen === undefined) return;
    yield sweep.offer(chosen);
  }
}

interface Choice {
  readonly tenant: Tenant;
  readonly due: Due;
}

class Sweep {
  readonly #run: SourceContext<Options>;
  readonly #started: number;
  /** When a task was offered, by tenant and task; when a tenant had its last turn, by its id. Epoch ms. */
  readonly #offered = new Map<string, number>();
  readonly #turns = new Map<string, number>();
  /** Of a thousand cursors most have not moved since the last choice: each is decoded once. */
  readonly #decoded = new WeakMap<object, Cursor>();

  constructor(run: SourceContext<Options>) {
    this.#run = run;
    // Dates of answers have whole seconds.
    this.#started = Math.floor(run.now() / 1000) * 1000;
  }

  async choose(tenants: readonly Tenant[]): Promise<Choice | undefined> {
    const { options, now, mode, http } = this.#run;
    const spare = mode === 'once' && (await http.available(ROUTES.failedAttacks)) >= 1;
    const moment = { now: now(), againBefore: spare ? this.#started : 0 };
    const cursors = await this.#run.cursors();
    const choices = tenants.flatMap((tenant) => {
      const state = this.#stateOf(cursors.get(tenant.id));
      if (this.#isResting(state)) return [];
      return dueOf(state, options, moment)
        .filter((due) => !this.#isFresh(this.#offered.get(keyOf(tenant, due)), PATIENCE))
        .map((due) => ({ tenant, due }));
    });
    return choices.reduce<Choice | undefined>(
      (best, choice) => (best === undefined || compareDue(choice.due, best.due) < 0 ? choice : best),
      undefined,
    );
  }

  offer({ tenant, due: { kind, day } }: Choice): Scope {
    const now = this.#run.now();
    this.#offered.set(keyOf(tenant, { kind, day }), now);
    this.#turns.set(tenant.id, now);
    return scopeOf(tenant, { kind, day });
  }

  /** Every tenant that had no turn for a while says how it stands: complete, or what is owed to it. */
  *standings(tenants: readonly Tenant[]): Iterable<Scope> {
    for (const tenant of tenants) {
      if (this.#isFresh(this.#turns.get(tenant.id), STANDING_EVERY)) continue;
      this.#turns.set(tenant.id, this.#run.now());
      yield scopeOf(tenant, 'standing');
    }
  }

  #stateOf(stored: unknown): Cursor {
    if (stored === undefined) return initialCursor(this.#run.now(), this.#run.options);
    const known = this.#decoded.get(stored as object);
    if (known !== undefined) return known;
    const state = cursor.decode(stored as never);
    this.#decoded.set(stored as object, state);
    return state;
  }

  /** A tenant that failed in this sweep waits, so that its days do not take the turns of others one by one. */
  #isResting({ failedAt }: Cursor): boolean {
    return failedAt !== undefined && failedAt >= this.#started && this.#isFresh(failedAt, PATIENCE);
  }

  #isFresh(time: number | undefined, length: number): boolean {
    return time !== undefined && Math.abs(this.#run.now() - time) < length;
  }
}

function keyOf({ id }: Tenant, { kind, day }: Task): string {
  return `${id}|${kind}|${day}`;
}

function scopeOf({ id, name }: Tenant, task: Turn): Scope {
  return { id, task, ...(name !== undefined && { name }) };
}
