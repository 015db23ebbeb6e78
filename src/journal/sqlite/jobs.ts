import { type Json, toJson } from '../../core/json.ts';
import type { StateStore } from '../collection.ts';
import type { Job, JobStore, StoredJob } from '../journal.ts';
import { type JobRow, JOBS_KEPT_FOR, toJob } from '../job-row.ts';
import type { Connection } from './connection.ts';

const SELECT = 'SELECT id, kind, source, destination, details, created, progress, finished, outcome FROM job';
const SELECT_OPEN = `${SELECT} WHERE finished IS NULL ORDER BY id`;
const SELECT_ONE = `${SELECT} WHERE id = :id`;

/** What commands leave for the process that holds the state. */
export class SqliteJobs implements JobStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async enqueue(job: Job, now: number): Promise<number> {
    const { kind, source = null, destination = null } = job;
    const columns = { kind, source, destination, details: toJson(job.details) };
    return this.#connection.transact(() => {
      this.#connection.run('DELETE FROM job WHERE finished < :before', { before: now - JOBS_KEPT_FOR });
      const same = this.#connection.first<{ id: number }>(
        `SELECT id FROM job WHERE finished IS NULL AND kind = :kind AND source IS :source
           AND destination IS :destination AND details = :details`,
        columns,
      );
      if (same !== undefined) return same.id;
      const added = this.#connection.first<{ id: number }>(
        `INSERT INTO job (kind, source, destination, details, created)
         VALUES (:kind, :source, :destination, :details, :now) RETURNING id`,
        { ...columns, now },
      );
      return (added as { id: number }).id;
    });
  }

  async open(): Promise<readonly StoredJob[]> {
    return this.#connection.all<JobRow>(SELECT_OPEN).map(toJob);
  }

  async find(id: number): Promise<StoredJob | undefined> {
    const row = this.#connection.first<JobRow>(SELECT_ONE, { id });
    return row && toJob(row);
  }

  async noteProgress(id: number, progress: Json): Promise<void> {
    this.#connection.run('UPDATE job SET progress = :progress WHERE id = :id', {
      id,
      progress: toJson(progress),
    });
  }

  async finish(id: number, outcome: Json, now: number): Promise<void> {
    this.#connection.run('UPDATE job SET finished = :now, outcome = :outcome WHERE id = :id', {
      id,
      outcome: toJson(outcome),
      now,
    });
  }
}

/** What the process that holds the state reports of sources and destinations. */
export class SqliteStates implements StateStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async note(changes: ReadonlyMap<string, Json | undefined>): Promise<void> {
    this.#connection.transact(() => {
      for (const [subject, value] of changes)
        if (value === undefined)
          this.#connection.run('DELETE FROM state WHERE subject = :subject', { subject });
        else
          this.#connection.run(
            `INSERT INTO state (subject, value) VALUES (:subject, :value)
             ON CONFLICT (subject) DO UPDATE SET value = excluded.value`,
            { subject, value: JSON.stringify(value) },
          );
    });
  }

  async all(): Promise<ReadonlyMap<string, Json>> {
    const rows = this.#connection.all<{ subject: string; value: string }>('SELECT subject, value FROM state');
    return new Map(rows.map(({ subject, value }) => [subject, JSON.parse(value) as Json]));
  }
}
