import { LeaseLostError } from '../journal.ts';
import type { Subject } from '../leases.ts';
import type { Database, Fence, Transaction } from './database.ts';
import type { LeaseHold } from './hold.ts';
import { FENCE } from './lease-statements.ts';
import type { PostgresLeases } from './leases.ts';
import { UnknownOutcomeError } from './problems.ts';

/**
 * For processes that hold what they work on (`run`, `once`): the first statement of a write locks the lease, and checks
 * that the hold is the latest, has not expired, and has the revision that this process wrote last. So a process that was
 * paused changes nothing after another one took over, and one whose database went back writes nothing on what is missing.
 * The statement extends the lease, too.
 */
export class HeldFence implements Fence {
  readonly #database: Database;
  readonly #leases: PostgresLeases;

  constructor(database: Database, leases: PostgresLeases) {
    this.#database = database;
    this.#leases = leases;
  }

  async fenced<T>(subject: Subject, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const hold = this.#leases.holdOf(subject);
    return hold.writes.run(() => this.#write(hold, work));
  }

  async #write<T>(hold: LeaseHold, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    hold.requireValid();
    let locked: Locked | undefined;
    let isRefused = false;
    try {
      const result = await this.#database.transact(async (transaction) => {
        locked = await this.#lock(hold, transaction);
        isRefused = locked === undefined;
        if (isRefused) throw new LeaseLostError(hold.subject, 'the database refused a write');
        return work(transaction);
      });
      if (locked !== undefined) hold.committed(locked.sent, locked.revision);
      return result;
    } catch (error) {
      if (isRefused) throw await this.#leases.refused(hold);
      // What it wrote may be there or not: only a new hold, which reads everything again, can go on.
      if (error instanceof UnknownOutcomeError) throw hold.end(IN_DOUBT, error);
      throw error;
    }
  }

  /** Undefined: it may not write. */
  async #lock(hold: LeaseHold, transaction: Transaction): Promise<Locked | undefined> {
    // It may have waited for a connection.
    hold.requireValid();
    const sent = this.#leases.monotonic();
    const { replica, length } = this.#leases;
    const { kind, name } = hold.subject;
    const parameters = [replica.id, kind, name, hold.epoch, hold.revision, length];
    const [row] = await transaction.query<{ revision: number }>(FENCE, parameters);
    return row && { sent, revision: row.revision };
  }
}

interface Locked {
  /** By the monotonic clock. */
  readonly sent: number;
  readonly revision: number;
}

const IN_DOUBT =
  'the connection to the database broke during a commit, so it is not known whether that was written';
