import { StateInUseError } from '../journal.ts';
import type { Subject } from '../leases.ts';
import type { Database, Fence, Transaction } from './database.ts';
import { IS_FREE } from './lease-statements.ts';

interface LeaseRow {
  /** The name of the replica that holds it now; null: nobody does. */
  readonly holder: string | null;
}

const TAKE = `
  INSERT INTO penstock.lease AS lease (kind, name, holder, epoch, revision, expires_at)
  VALUES ($1, $2, NULL, 1, 1, clock_timestamp())
  ON CONFLICT (kind, name) DO UPDATE
  SET epoch = lease.epoch + ${IS_FREE}::integer
  RETURNING CASE WHEN NOT ${IS_FREE} THEN
    coalesce((SELECT name FROM penstock.replica WHERE id = lease.holder), '') END AS holder`;

/**
 * For commands: a subject must be free at the moment of each write. The write raises its epoch, so that a holder whose
 * lease has expired is refused from then on.
 */
export class MomentaryFence implements Fence {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async fenced<T>(subject: Subject, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transact(async (transaction) => {
      const [lease] = await transaction.query<LeaseRow>(TAKE, [subject.kind, subject.name]);
      if (lease !== undefined && lease.holder !== null) throw heldBy(subject, lease.holder);
      return work(transaction);
    });
  }
}

function heldBy({ kind, name }: Subject, replica: string): StateInUseError {
  return new StateInUseError(
    `Replica ${replica} works on ${kind} ${name} now. Stop it, or let it end, and try again.`,
    undefined,
  );
}
