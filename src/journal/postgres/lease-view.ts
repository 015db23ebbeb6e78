import type { LeaseView, Replica, ReplicaReport, Subject } from '../leases.ts';
import type { LeaseTuple, RenewalRow, RenewedTuple, ReplicaTuple } from './lease-statements.ts';

/** A lease as a renewal found it. */
interface FoundLease extends Subject {
  readonly holder: string | undefined;
  /** The name of the replica that holds it, where it is alive. */
  readonly replica: string | undefined;
  readonly epoch: number;
  readonly revision: number;
  readonly expired: boolean;
}

/** The answer to a renewal. */
export interface RenewalAnswer {
  /** By `keyOf`: what it changed. `kept`: renewed, otherwise freed. */
  readonly renewed: ReadonlyMap<string, { readonly kept: boolean }>;
  /** By `keyOf`: as they were before it. */
  readonly leases: ReadonlyMap<string, FoundLease>;
  /** The others that are alive, oldest first. */
  readonly others: readonly ReplicaTuple[];
  /** Epoch ms. */
  readonly since: number;
  readonly head: number;
}

/** The name of a subject among those of both kinds. */
export function keyOf({ kind, name }: Subject): string {
  return `${kind} ${name}`;
}

export function renewalAnswer({ renewed, leases, replicas, since, head }: RenewalRow): RenewalAnswer {
  const others = JSON.parse(replicas) as readonly ReplicaTuple[];
  const names = new Map(others.map(([id, name]) => [id, name]));
  const found = (JSON.parse(leases) as readonly LeaseTuple[]).map(
    ([kind, name, holder, epoch, revision, expired]): FoundLease => {
      const replica = holder === null ? undefined : names.get(holder);
      return { kind, name, holder: holder ?? undefined, replica, epoch, revision, expired };
    },
  );
  const changed = JSON.parse(renewed) as readonly RenewedTuple[];
  return {
    renewed: new Map(changed.map(([kind, name, kept]) => [keyOf({ kind, name }), { kept }])),
    leases: new Map(found.map((lease) => [keyOf(lease), lease])),
    others,
    since,
    head,
  };
}

interface Self extends ReplicaReport {
  readonly id: string;
  readonly name: string;
  readonly command: string;
}

/** Who works on what after a renewal. `isOurs`: this process has it, or its work on it has not ended yet. */
export function viewOf(
  { renewed, leases, others, since }: RenewalAnswer,
  { id, name, command, shares, wants }: Self,
  isOurs: (subject: Subject) => boolean,
): LeaseView {
  const isHeld = (lease: FoundLease) => {
    const kept = renewed.get(keyOf(lease))?.kept;
    return lease.holder !== undefined && (kept ?? !lease.expired);
  };
  const held = [...leases.values()].filter(isHeld);
  const taken = new Set(held.map(keyOf));
  const self: ReplicaTuple = [id, name, command, since, shares, wants.source, wants.destination];
  const alive = [...others, self].toSorted(byAge);
  return {
    replicas: alive.map((tuple) => ({
      ...replicaOf(tuple, held),
      shares: tuple[4],
      wants: { source: tuple[5], destination: tuple[6] },
    })),
    self: id,
    isFree: (subject) => !taken.has(keyOf(subject)) && !isOurs(subject),
  };
}

/** The replicas that hold the state now: the answer to `REPLICAS`. */
export function replicasOf({
  replicas,
  leases,
}: Pick<RenewalRow, 'replicas' | 'leases'>): readonly Replica[] {
  const held = (JSON.parse(leases) as readonly LeaseTuple[]).map(([kind, name, holder]) => {
    return { kind, name, holder: holder ?? undefined };
  });
  return (JSON.parse(replicas) as readonly ReplicaTuple[]).map((tuple) => replicaOf(tuple, held));
}

type HeldSubject = Subject & Pick<FoundLease, 'holder'>;

function replicaOf([id, name, command, since]: ReplicaTuple, held: readonly HeldSubject[]): Replica {
  const of = (kind: Subject['kind']) =>
    held
      .filter((lease) => lease.holder === id && lease.kind === kind)
      .map((lease) => lease.name)
      .toSorted();
  return { id, name, command, since, sources: of('source'), destinations: of('destination') };
}

function byAge([id, , , since]: ReplicaTuple, [otherId, , , otherSince]: ReplicaTuple): number {
  if (since !== otherSince) return since - otherSince;
  return id < otherId ? -1 : 1;
}
