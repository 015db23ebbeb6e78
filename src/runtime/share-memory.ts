import type { LeaseView, Subject } from '../journal/leases.ts';
import { planShare, type SharePlan } from './share.ts';

/** Something is abandoned when it was free at so many ticks in a row: every other replica had one between them. */
const ABANDONED_AFTER = 3;

/** What a replica holds of one kind. */
interface Holding {
  readonly held: readonly string[];
  /** How many others it is about to give back. */
  readonly leaving: number;
}

/** Plans the shares of one kind from tick to tick, and remembers what the next plan depends on. */
export class ShareMemory {
  readonly #kind: Subject['kind'];
  readonly #names: readonly string[];
  /** At how many ticks in a row each was free. */
  #free: ReadonlyMap<string, number> = new Map();
  readonly #givenBack = new Set<string>();
  readonly #unwanted = new Set<string>();
  #members = '';

  /** `names`: all that the configuration has of the kind. */
  constructor(kind: Subject['kind'], names: readonly string[]) {
    this.#kind = kind;
    this.#names = names;
  }

  /** What to take and to give back now. Call it once a tick. */
  plan(view: LeaseView, { held, leaving }: Holding): SharePlan {
    const kind = this.#kind;
    const sharing = view.replicas.filter(({ shares }) => shares);
    // A single destination goes to the newest, which has no source more than the others.
    const ordered = kind === 'source' ? sharing : sharing.toReversed();
    const free = this.#names.filter((name) => view.isFree({ kind, name }));
    this.#note(sharing.map(({ id }) => id).join(' '), free);
    const plan = planShare({
      participants: ordered.map(({ id, sources, destinations, wants }) => {
        const names = kind === 'source' ? sources : destinations;
        return { id, held: names.length, wants: wants[kind] };
      }),
      self: view.self,
      total: this.#names.length,
      held,
      leaving,
      free,
      abandoned: new Set(free.filter((name) => (this.#free.get(name) ?? 0) >= ABANDONED_AFTER)),
      unwanted: this.#unwanted,
    });
    for (const name of plan.take) if (this.#givenBack.has(name)) this.#unwanted.add(name);
    for (const name of plan.giveBack) this.#givenBack.add(name);
    return plan;
  }

  /** Whoever joins may want what nobody wanted before. */
  #note(members: string, free: readonly string[]): void {
    if (members !== this.#members) {
      this.#givenBack.clear();
      this.#unwanted.clear();
    }
    this.#members = members;
    this.#free = new Map(free.map((name) => [name, (this.#free.get(name) ?? 0) + 1]));
  }
}
