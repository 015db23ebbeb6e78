import type { SourceContext, Scope } from '../../core/source.ts';
import { ROUTES } from '../_petra/api.ts';
import { readTenants, type Tenant } from '../_petra/tenants.ts';
import { cursor, initialCursor, type Cursor } from './cursor.ts';
import type { Options } from './options.ts';
import { compareDue, dueOf, PATIENCE, type Due, type Task } from './plan.ts';

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
