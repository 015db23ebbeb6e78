import type { Scope, SourceContext } from '../../core/source.ts';
import type { Tenant } from '../_kit/tenants.ts';
import { readTenants, ROUTES } from '../_petra/api.ts';
import {
  cursor,
  type Cursor,
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

/** What a turn of `poll` is to do: one request, or none, only to report the tenant's progress. */
export type Turn = Task | 'progress';

/** A task that a tenant waits for. */
export interface Due extends Task {
  /** When it was last read, or last failed; 0 when never. The longest-waiting task comes first. Epoch ms. */
  readonly since: number;
  /** The tenant failed a short while ago: everything that other tenants wait for comes first, in every process. */
  readonly late: boolean;
}

/** How long a tenant or a task that failed waits while others are due. Milliseconds. */
const RETRY_AFTER = 600_000;

/** How often tenants without a turn report their progress. Milliseconds. */
const PROGRESS_EVERY = 600_000;

/** Times by which tasks are due. */
export interface Moment {
  /** The vendor's clock, epoch ms. */
  readonly now: number;
  /** Days read before this are read again although `revise_interval` has not passed; 0: none. Epoch ms. */
  readonly againBefore: number;
}

const ORDER: Readonly<Record<Task['kind'], number>> = { newest: 0, older: 1, partial: 2, again: 3 };

/** All tasks of one tenant that are due: unread closed days, the current day, and days to read again for revisions. */
export function dueOf(state: Cursor, options: Options, moment: Moment): Due[] {
  const { now } = moment;
  const newest = newestClosed(now, options.settle);
  const failed = Math.max(state.failedAt ?? 0, state.misreadAt ?? 0);
  const late = Math.abs(now - failed) < RETRY_AFTER;
  const unread = unreadDays(state, newest).map((day): Waiting => {
    return { kind: day === newest ? 'newest' : 'older', day, since: failed };
  });
  const waiting = [...unread, ...currentDay(state, options, now), ...readAgain(state, options, moment)];
  return waiting.map((due) => ({ ...due, late }));
}

type Waiting = Omit<Due, 'late'>;

function currentDay({ partialAt }: Cursor, { intraday_interval: interval }: Options, now: number): Waiting[] {
  if (interval === null || !hasPassed(interval, partialAt, now)) return [];
  return [{ kind: 'partial', day: dayOf(now), since: partialAt ?? 0 }];
}

function readAgain(
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

/** A time after now was stored by a clock that was set back since. */
function hasPassed(interval: number, since: number | undefined, now: number): boolean {
  return since === undefined || since > now || now - since >= interval;
}

/**
 * Which of two tasks, of the same or of two tenants, comes first: the newest closed day of every tenant, then older days,
 * newest first, then the current day, then days to read again, least recently read first. Tenants that failed come last.
 */
export function compareDue(one: Due, other: Due): number {
  if (one.late !== other.late) return one.late ? 1 : -1;
  const kinds = ORDER[one.kind] - ORDER[other.kind];
  if (kinds !== 0) return kinds;
  const days = one.kind === 'older' ? other.day - one.day : 0;
  return days === 0 ? one.since - other.since : days;
}

/**
 * Spends the one request a minute on the most important task of all tenants, until nothing is due. It chooses anew after
 * each request, from the stored cursors, so that a day that closes in the meantime comes first.
 */
export async function* streams(context: SourceContext<Options>): AsyncGenerator<Scope> {
  let tenants = await readTenants(context);
  // Made after the first answer: at the very first poll, its date is the clock.
  const schedule = new RequestSchedule(context);
  for (; ; tenants = await readTenants(context)) {
    const chosen = await schedule.choose(tenants);
    // Progress is reported before the wait for the quota, because a deadline may end the wait.
    if (chosen === undefined || (await context.http.available(ROUTES.failedAttacks)) < 1)
      yield* schedule.progress(tenants);
    if (chosen === undefined) return;
    yield schedule.offer(chosen);
  }
}

interface Choice {
  readonly tenant: Tenant;
  readonly due: Due;
}

/** Chooses the tasks of one poll. */
class RequestSchedule {
  readonly #context: SourceContext<Options>;
  readonly #started: number;
  /** When each task was last offered, by tenant and task. Epoch ms. */
  readonly #offered = new Map<string, number>();
  /** When each tenant last had a turn, by its id. Epoch ms. */
  readonly #turns = new Map<string, number>();
  /** Most of a thousand cursors do not change between two choices, so each is decoded once. */
  readonly #decoded = new WeakMap<object, Cursor>();

  constructor(context: SourceContext<Options>) {
    this.#context = context;
    // Dates of answers have whole seconds.
    this.#started = Math.floor(context.now() / 1000) * 1000;
  }

  /** The task to do next; undefined when nothing is due. */
  async choose(tenants: readonly Tenant[]): Promise<Choice | undefined> {
    const { options, now, mode, http } = this.#context;
    const spare = mode === 'once' && (await http.available(ROUTES.failedAttacks)) >= 1;
    const moment = { now: now(), againBefore: spare ? this.#started : 0 };
    const cursors = await this.#context.cursors();
    const choices = tenants.flatMap((tenant) => {
      const state = this.#stateOf(cursors.get(tenant.id));
      if (this.#waits(state)) return [];
      return dueOf(state, options, moment)
        .filter((due) => !this.#isRecent(this.#offered.get(keyOf(tenant, due)), RETRY_AFTER))
        .map((due) => ({ tenant, due }));
    });
    return choices.reduce<Choice | undefined>(
      (best, choice) => (best === undefined || compareDue(choice.due, best.due) < 0 ? choice : best),
      undefined,
    );
  }

  offer({ tenant, due: { kind, day } }: Choice): Scope {
    const now = this.#context.now();
    this.#offered.set(keyOf(tenant, { kind, day }), now);
    this.#turns.set(tenant.id, now);
    return scopeOf(tenant, { kind, day });
  }

  /** Turns without a request for all tenants that had none for a while: they report what is complete or deferred. */
  *progress(tenants: readonly Tenant[]): Iterable<Scope> {
    for (const tenant of tenants) {
      if (this.#isRecent(this.#turns.get(tenant.id), PROGRESS_EVERY)) continue;
      this.#turns.set(tenant.id, this.#context.now());
      yield scopeOf(tenant, 'progress');
    }
  }

  #stateOf(stored: unknown): Cursor {
    if (stored === undefined) return initialCursor(this.#context.now(), this.#context.options);
    const known = this.#decoded.get(stored as object);
    if (known !== undefined) return known;
    const state = cursor.decode(stored as never);
    this.#decoded.set(stored as object, state);
    return state;
  }

  /** A tenant that failed in this poll waits, so that its days do not use the turns of other tenants one by one. */
  #waits({ failedAt }: Cursor): boolean {
    return failedAt !== undefined && failedAt >= this.#started && this.#isRecent(failedAt, RETRY_AFTER);
  }

  #isRecent(time: number | undefined, length: number): boolean {
    return time !== undefined && Math.abs(this.#context.now() - time) < length;
  }
}

function keyOf({ id }: Tenant, { kind, day }: Task): string {
  return `${id}|${kind}|${day}`;
}

function scopeOf({ id, name }: Tenant, task: Turn): Scope {
  return { id, task, ...(name !== undefined && { name }) };
}
