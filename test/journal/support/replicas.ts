import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { PostgresPlace } from '../../../src/config/types.ts';
import type { Hold, ReplicaReport, Subject } from '../../../src/journal/leases.ts';
import { Database } from '../../../src/journal/postgres/database.ts';
import { HeldFence } from '../../../src/journal/postgres/fence.ts';
import { PostgresLeases } from '../../../src/journal/postgres/leases.ts';
import { prepare } from '../../../src/journal/postgres/migrate.ts';
import { MIGRATIONS } from '../../../src/journal/postgres/schema.ts';
import { readableLog } from '../../http/support/rig.ts';

export const CONSOLE: Subject = { kind: 'source', name: 'console' };
export const SIEM: Subject = { kind: 'destination', name: 'siem' };

/** Shares, and wants nothing more. */
export const CONTENT: ReplicaReport = { shares: true, wants: { source: 0, destination: 0 } };

/** A replica as far as its leases go: a process of its own to the database. */
export class TestReplica implements AsyncDisposable {
  readonly database: Database;
  readonly leases: PostgresLeases;
  /** Lines of its log, parsed. */
  readonly lines: Record<string, unknown>[];
  /** Added to its monotonic clock: what it slept through. Milliseconds. */
  slept = 0;

  constructor(place: PostgresPlace, name: string, version = MIGRATIONS.length) {
    const { log, lines } = readableLog();
    this.lines = lines;
    let made: PostgresLeases | undefined;
    this.database = new Database(place, (database) => {
      const monotonic = () => performance.now() + this.slept;
      made = new PostgresLeases({
        database,
        version,
        id: randomUUID(),
        name,
        command: 'run',
        log,
        monotonic,
      });
      return new HeldFence(database, made);
    });
    this.leases = made as unknown as PostgresLeases;
  }

  /** Takes one subject, which must be free. */
  async hold(subject: Subject): Promise<Hold> {
    const [hold] = await this.leases.take([subject]);
    if (hold === undefined) throw new Error(`${subject.name} is not free`);
    return hold;
  }

  /** Adds a line to the notes of a subject, as a write of its holder. */
  async note(subject: Subject, words: string): Promise<void> {
    await this.database.fenced(subject, async (transaction) => {
      await transaction.run('INSERT INTO penstock.state (subject, value) VALUES ($1, $2)', [
        words,
        subject.name,
      ]);
    });
  }

  /** Messages of the log with their reasons. */
  get logged(): readonly string[] {
    return this.lines.map(
      ({ msg, event }) => `${String(msg).slice(0, 18)}… ${(event as { reason: string }).reason}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leases.close().catch(() => undefined);
    await this.database[Symbol.asyncDispose]();
  }
}

/** Every note of `TestReplica.note`, in order. */
export async function notes(database: Database): Promise<string[]> {
  const rows = await database.query<{ subject: string }>(
    'SELECT subject FROM penstock.state ORDER BY subject',
  );
  return rows.map(({ subject }) => subject);
}

/** Lets the database believe that the time of every lease is over. */
export async function expireAll(database: Database): Promise<void> {
  await database.query("UPDATE penstock.lease SET expires_at = clock_timestamp() - interval '1 millisecond'");
}

/** Makes the tables of a state. */
export async function prepared(place: PostgresPlace): Promise<PostgresPlace> {
  await using database = new Database(place, () => ({ fenced: () => Promise.reject(new Error('not held')) }));
  await prepare(database, MIGRATIONS);
  return place;
}
