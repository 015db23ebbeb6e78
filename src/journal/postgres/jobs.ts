import { hash } from 'node:crypto';
import { type Json, toJson } from '../../core/json.ts';
import type { Job, JobStore, StoredJob } from '../journal.ts';
import { type JobRow, JOBS_KEPT_FOR, toJob } from '../job-row.ts';
import type { Subject } from '../leases.ts';
import type { Database, Transaction } from './database.ts';

const SELECT =
  'SELECT id, kind, source, destination, details, created, progress, finished, outcome FROM penstock.job';
const FORGET = 'DELETE FROM penstock.job WHERE finished < $1';
const INSERT = `
  INSERT INTO penstock.job (same, kind, source, destination, details, created) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (same) WHERE finished IS NULL DO NOTHING`;
const SELECT_OPEN = 'SELECT id FROM penstock.job WHERE same = $1 AND finished IS NULL';

/** What commands leave for the replica that works on the source or the destination. */
export class PostgresJobs implements JobStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async enqueue(job: Job, now: number): Promise<number> {
    const { kind, source, destination } = job;
    const details = toJson(job.details);
    const same = hash('sha256', JSON.stringify([kind, source, destination, details]));
    const [open] = await this.#database.transact(async (transaction) => {
      const [, , rows] = await Promise.all([
        transaction.run(FORGET, [now - JOBS_KEPT_FOR]),
        transaction.run(INSERT, [same, kind, source, destination, details, now]),
        transaction.last<{ id: number }>(SELECT_OPEN, [same]),
      ]);
      return rows;
    });
    // The open one that asked for the same was finished between the two statements.
    return open?.id ?? this.enqueue(job, now);
  }

  async open(): Promise<readonly StoredJob[]> {
    const rows = await this.#database.query<JobRow>(`${SELECT} WHERE finished IS NULL ORDER BY id`);
    return rows.map(toJob);
  }

  async find(id: number): Promise<StoredJob | undefined> {
    const [row] = await this.#database.query<JobRow>(`${SELECT} WHERE id = $1`, [id]);
    return row && toJob(row);
  }

  async noteProgress(id: number, progress: Json, as?: Subject): Promise<void> {
    await this.#write(as, 'UPDATE penstock.job SET progress = $2 WHERE id = $1', [id, toJson(progress)]);
  }

  async finish(id: number, outcome: Json, now: number, as?: Subject): Promise<void> {
    await this.#write(as, 'UPDATE penstock.job SET outcome = $2, finished = $3 WHERE id = $1', [
      id,
      toJson(outcome),
      now,
    ]);
  }

  async #write(as: Subject | undefined, sql: string, parameters: readonly unknown[]): Promise<void> {
    const write = (transaction: Transaction) => transaction.last(sql, parameters);
    await (as === undefined ? this.#database.transact(write) : this.#database.fenced(as, write));
  }
}
