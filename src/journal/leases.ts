/*
 * Who works on what, when several replicas share one journal: a lease for each source (collecting) and for each
 * destination (delivering). Types only: what keeps leases is the database of the journal.
 */

/** What one replica at a time works on: a source or a destination, by its configured name. */
export interface Subject {
  readonly kind: 'source' | 'destination';
  readonly name: string;
}

/**
 * The right to work on a subject until `signal` aborts, which it does before another replica can take the subject. Each
 * hold is new: nothing that was read under an earlier hold may be used under it.
 */
export interface Hold {
  readonly subject: Subject;
  /** Aborts with a `LeaseLostError` when the lease was lost, and when the hold was released. */
  readonly signal: AbortSignal;
  /**
   * Call it right before a request is sent: a process that was paused may run this before its timers.
   * @throws LeaseLostError when the lease may have run out; the signal is aborted then
   */
  requireValid(): void;
}

/** A process that shares the journal. */
export interface Replica {
  readonly id: string;
  /** As configured, or made up. */
  readonly name: string;
  /** `run`, `once`, … */
  readonly command: string;
  /** When it started, by the database's clock. Epoch milliseconds. */
  readonly since: number;
  /** Names of those that it holds. */
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
}

/** How many more subjects a replica would take. */
export interface Wants {
  readonly source: number;
  readonly destination: number;
}

/** What a replica says of itself when it renews its leases. */
export interface ReplicaReport {
  /** False: a command, which does not count in the shares of the others. */
  readonly shares: boolean;
  readonly wants: Wants;
}

/** Who works on what, as of one moment. */
export interface LeaseView {
  /** Those that are alive, oldest first, this one included. */
  readonly replicas: readonly (Replica & ReplicaReport)[];
  /** The id of this one. */
  readonly self: string;
  /** Whether nobody holds it. */
  isFree(subject: Subject): boolean;
}

/** The leases of this replica. */
export interface Leases {
  readonly replica: Pick<Replica, 'id' | 'name'>;
  /**
   * Says that this replica lives and what it wants, renews its holds, ends those that were lost, and returns who works on
   * what. One round trip on a connection of its own, which never waits for a row that a commit holds: a commit extends its
   * lease itself. Call it at least three times in a lease.
   * @throws JournalWriteError the database is away; the holds then end by themselves before their expiry
   * @throws StateError another release migrated the schema
   */
  renew(self: ReplicaReport): Promise<LeaseView>;
  /** Takes those that are free, and returns their holds. */
  take(subjects: readonly Subject[]): Promise<readonly Hold[]>;
  /** Gives holds back once the work on them has ended: others may take them at once. Their signals abort. */
  release(holds: readonly Hold[]): Promise<void>;
}
