import { type Json, parseJson, toJson } from '../../core/json.ts';
import type { StateStore } from '../collection.ts';
import type { Job, JobStore, StoredJob } from '../journal.ts';
import { type Connection, orUndefined } from './connection.ts';

/** Finished jobs are forgotten after this. Milliseconds. */
const KEPT_FOR = 7 * 24 * 60 * 60 * 1000;

interface JobRow {
  readonly id: number;
  readonly kind: Job['kind'];
  readonly source: string | null;
  readonly destination: string | null;
  readonly details: string;
  readonly created: number;
  readonly progress: string | null;
  readonly finished: number | null;
  readonly outcome: string | null;
}

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
      this.#connection.run('DELETE FROM job WHERE finished < :before', { before: now - KEPT_FOR });
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

function toJob({ source, destination, details, progress, finished, outcome, ...row }: JobRow): StoredJob {
  return {
    ...row,
    source: orUndefined(source),
    destination: orUndefined(destination),
    details: parseJson(details) as Json,
    progress: progress === null ? undefined : parseJson(progress),
    finished: orUndefined(finished),
    outcome: outcome === null ? undefined : parseJson(outcome),
  };
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
