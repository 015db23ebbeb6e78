import type { LeaseView, Subject } from '../journal/leases.ts';
import { planShare, type SharePlan } from './share.ts';

/** Something is abandoned when it was free in so many rounds in a row: every other replica had its turn between them. */
const ABANDONED_AFTER = 3;

/** What a replica holds of one kind. */
interface Holding {
  readonly held: readonly string[];
  /** How many others it is about to give back. */
  readonly leaving: number;
  /** Whether every other replica has had its turn since the last round. */
  readonly isRound: boolean;
}

/** Plans the shares of one kind, from one look at the leases to the next, and remembers what the next plan depends on. */
export class ShareMemory {
  readonly #kind: Subject['kind'];
  readonly #names: readonly string[];
  /** In how many rounds in a row each was free. */
  #free: ReadonlyMap<string, number> = new Map();
  readonly #givenBack = new Set<string>();
  readonly #unwanted = new Set<string>();
  #members = '';

  /** `names`: all that the configuration has of the kind. */
  constructor(kind: Subject['kind'], names: readonly string[]) {
    this.#kind = kind;
    this.#names = names;
  }

  /** What to take and to give back now. */
  plan(view: LeaseView, { held, leaving, isRound }: Holding): SharePlan {
    const kind = this.#kind;
    const sharing = view.replicas.filter(({ shares }) => shares);
    // A single destination goes to the newest, which has no source more than the others.
    const ordered = kind === 'source' ? sharing : sharing.toReversed();
    const free = this.#names.filter((name) => view.isFree({ kind, name }));
    this.#note(sharing.map(({ id }) => id).join(' '), free, isRound ? 1 : 0);
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
  #note(members: string, free: readonly string[], rounds: number): void {
    if (members !== this.#members) {
      this.#givenBack.clear();
      this.#unwanted.clear();
    }
    this.#members = members;
    this.#free = new Map(free.map((name) => [name, (this.#free.get(name) ?? 0) + rounds]));
  }
}
