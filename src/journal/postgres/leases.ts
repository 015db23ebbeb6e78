import { performance } from 'node:perf_hooks';
import type { Logger } from '../../core/log.ts';
import { Mutex } from '../../core/mutex.ts';
import { JournalWriteError, LeaseLostError } from '../journal.ts';
import type { Hold, Leases, LeaseView, Replica, ReplicaReport, Subject } from '../leases.ts';
import type { Database } from './database.ts';
import { LeaseHold } from './hold.ts';
import { keyOf, type RenewalAnswer, renewalAnswer, replicasOf, viewOf } from './lease-view.ts';
import {
  LEAVE,
  LOOK,
  type LeaseRow,
  MAKE_LEASES,
  RELEASE,
  RENEW,
  REPLICAS,
  type RenewalRow,
  TAKE,
  type TakenRow,
} from './lease-statements.ts';
import { LossLog } from './loss-log.ts';
import { newer } from './migrate.ts';

interface LeasesParts {
  readonly database: Database;
  /** The version of the schema that this release knows. */
  readonly version: number;
  /** A new UUID for each process. */
  readonly id: string;
  readonly name: string;
  /** `run`, `once`, … */
  readonly command: string;
  readonly log: Logger | undefined;
  /** Milliseconds; for tests. Default: the monotonic clock of the process. */
  readonly monotonic?: () => number;
}

const OUTDATED = 'the database is behind what this process has seen';
const EXPIRED = "it had expired by the database's clock";

/**
 * The leases of this replica in PostgreSQL. A hold that was lost stays here until it is released: until then the subject
 * is not taken again, so that nothing which its work still does can pass for work of the next hold.
 */
export class PostgresLeases implements Leases {
  readonly replica: Pick<Replica, 'id' | 'name'>;
  readonly #parts: LeasesParts;
  /** Of this process: no change of the time of day moves it. Milliseconds. */
  readonly monotonic: () => number;
  /** How long a lease lasts, milliseconds. */
  readonly length: number;
  readonly #losses: LossLog;
  readonly #holds = new Map<string, LeaseHold>();
  /** One statement at a time, so that each knows what the one before has taken. */
  readonly #turns = new Mutex();
  /** Subjects that have a row. */
  readonly #made = new Set<string>();
  readonly #onBehind: (() => void)[] = [];
  #head = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: LeasesParts) {
    this.#parts = parts;
    this.monotonic = parts.monotonic ?? (() => performance.now());
    this.length = parts.database.place.lease;
    this.#losses = new LossLog(parts.log);
    this.replica = { id: parts.id, name: parts.name };
  }

  renew(self: ReplicaReport): Promise<LeaseView> {
    return this.#turns.run(async () => {
      this.#endExpired();
      const asked = this.#valid().map((hold) => ({ hold, revision: hold.revision }));
      const head = this.#head;
      const sent = this.monotonic();
      const answer = renewalAnswer(
        await this.#sendRenewal(
          self,
          asked.map(({ hold }) => hold),
        ),
      );
      if (answer.head < head) this.#goneBack(`its newest page is ${answer.head}, and it had page ${head}`);
      else this.sawHead(answer.head);
      for (const { hold, revision } of asked) this.#judge(hold, revision, answer, sent);
      this.#watch();
      return viewOf(answer, { ...this.#parts, ...self }, (subject) => this.#holds.has(keyOf(subject)));
    });
  }

  take(subjects: readonly Subject[]): Promise<readonly Hold[]> {
    return this.#turns.run(async () => {
      const wanted = subjects.filter((subject) => !this.#holds.has(keyOf(subject)));
      if (wanted.length === 0) return [];
      await this.#make(wanted.filter((subject) => !this.#made.has(keyOf(subject))));
      const sent = this.monotonic();
      const parameters = [this.replica.id, ...columns(wanted), this.length];
      const taken = await this.#apart<TakenRow>(TAKE, parameters);
      const holds = taken.map((row) => this.#hold(row, sent));
      this.#watch();
      return holds;
    });
  }

  release(holds: readonly Hold[]): Promise<void> {
    return this.#turns.run(async () => {
      const own = [...this.#holds.values()].filter((hold) => holds.includes(hold));
      for (const hold of own) {
        hold.giveBack();
        this.#holds.delete(keyOf(hold.subject));
      }
      await this.#free(own);
    });
  }

  /**
   * The hold of a subject, also one that was lost and not released yet.
   * @throws LeaseLostError when there is none
   */
  holdOf(subject: Subject): LeaseHold {
    const hold = this.#holds.get(keyOf(subject));
    if (hold === undefined) throw new LeaseLostError(subject, 'this process does not hold it');
    return hold;
  }

  /** The database refused a write of this hold. Ends the hold, and returns why. */
  async refused(hold: LeaseHold): Promise<LeaseLostError> {
    const { kind, name } = hold.subject;
    const unknown = 'it expired, or another replica took it';
    try {
      const [row] = await this.#apart<LeaseRow>(LOOK, [kind, name]);
      const isOlder = row === undefined || row.epoch < hold.epoch;
      if (isOlder || (row.epoch === hold.epoch && row.revision < hold.revision))
        return this.behind(hold.subject, 'a write that was committed is missing');
      if (row.epoch > hold.epoch) return hold.end(takenBy(row.replica));
      return hold.end(row.expired ? EXPIRED : unknown);
    } catch (error) {
      return hold.end(unknown, error);
    }
  }

  /** Notes the number of a page that was committed or read. */
  sawHead(sequence: number): void {
    this.#head = Math.max(this.#head, sequence);
  }

  /**
   * The database lacks something that this process has seen: `what`, in words. Ends all holds and says so in the log.
   * Returns the error of the work on the subject that found out.
   */
  behind(subject: Subject, what: string): LeaseLostError {
    const hold = this.#holds.get(keyOf(subject));
    // Otherwise another write has found out already, and it was said.
    if (hold?.signal.aborted !== true) this.#goneBack(what);
    return hold?.end(OUTDATED) ?? new LeaseLostError(subject, OUTDATED);
  }

  /** Calls the listener when the database went back: what was read of it before is wrong. */
  onBehind(listener: () => void): void {
    this.#onBehind.push(listener);
  }

  /** Gives everything back and leaves. A database that is away learns of it when the leases expire. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.release([...this.#holds.values()]);
    await ifThere(this.#apart(LEAVE, [this.#parts.id]));
  }

  /** On a connection that no commit uses, so that it waits for none. */
  #apart<Row>(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]> {
    return this.#parts.database.transact((transaction) => transaction.last<Row>(sql, parameters), 'renewal');
  }

  #hold({ kind, name, epoch, revision }: TakenRow, sent: number): LeaseHold {
    const subject = { kind, name };
    const hold = new LeaseHold({
      subject,
      epoch,
      revision,
      sent,
      lease: this.length,
      monotonic: this.monotonic,
      onLost: (error) => this.#losses.add(error),
    });
    this.#holds.set(keyOf(subject), hold);
    return hold;
  }

  #valid(): readonly LeaseHold[] {
    return [...this.#holds.values()].filter(({ left }) => left > 0);
  }

  async #sendRenewal({ shares, wants }: ReplicaReport, holds: readonly LeaseHold[]): Promise<RenewalRow> {
    const { id, name, command } = this.#parts;
    const own = [...columns(holds.map(({ subject }) => subject)), holds.map(({ epoch }) => epoch)];
    const report = [shares, wants.source, wants.destination];
    const [row] = await this.#apart<RenewalRow>(RENEW, [id, name, command, this.length, ...report, ...own]);
    if (row === undefined) throw new JournalWriteError('The database answered a renewal without a row.');
    const { database, version } = this.#parts;
    if (row.version > version) throw newer(database.place, row.version, version);
    return row;
  }

  /** Extends a hold or ends it, as the answer to its renewal says. `revision`, `sent`: when it was sent. */
  #judge(hold: LeaseHold, revision: number, { renewed, leases }: RenewalAnswer, sent: number): void {
    if (hold.signal.aborted) return;
    const key = keyOf(hold.subject);
    const now = renewed.get(key);
    const before = leases.get(key);
    if (before === undefined || before.epoch < hold.epoch || before.revision < revision) {
      this.#goneBack('a write that was committed is missing');
    } else if (before.epoch > hold.epoch) {
      hold.end(takenBy(before.replica));
    } else if (now?.kept === true) {
      hold.extend(sent);
    } else if (now?.kept === false || (before.expired && !hold.writes.busy)) {
      hold.end(EXPIRED);
    }
    // Otherwise a commit has it locked, and extends it itself.
  }

  async #make(subjects: readonly Subject[]): Promise<void> {
    if (subjects.length === 0) return;
    await this.#apart(MAKE_LEASES, columns(subjects));
    for (const subject of subjects) this.#made.add(keyOf(subject));
  }

  async #free(holds: readonly LeaseHold[]): Promise<void> {
    if (holds.length === 0) return;
    const subjects = columns(holds.map(({ subject }) => subject));
    const epochs = holds.map(({ epoch }) => epoch);
    await ifThere(this.#apart(RELEASE, [this.#parts.id, ...subjects, epochs]));
  }

  #goneBack(what: string): void {
    this.#head = 0;
    this.#made.clear();
    this.#losses.wentBack(what);
    for (const hold of this.#holds.values()) hold.end(OUTDATED);
    for (const listener of this.#onBehind) listener();
  }

  #endExpired(): void {
    for (const hold of this.#holds.values()) hold.endIfDue();
  }

  /** Ends holds in time that are not renewed. */
  #watch(): void {
    clearTimeout(this.#timer);
    const left = this.#valid().map((hold) => hold.left);
    if (left.length === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#endExpired();
        this.#watch();
      },
      Math.ceil(Math.min(...left)),
    ).unref();
  }
}

function takenBy(replica: string | null | undefined): string {
  return replica == null ? 'another replica took it' : `replica ${replica} took it`;
}

/** What is given back is freed by the next renewal, or expires, when the database is away now. */
async function ifThere(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof JournalWriteError)) throw error;
  }
}

/** The replicas that are alive, oldest first, for those who only read. */
export async function replicasIn(database: Pick<Database, 'query'>): Promise<readonly Replica[]> {
  const [row] = await database.query<Pick<RenewalRow, 'replicas' | 'leases'>>(REPLICAS);
  return row === undefined ? [] : replicasOf(row);
}

/** Kinds and names, as parameters. */
function columns(subjects: readonly Subject[]): [string[], string[]] {
  return [subjects.map(({ kind }) => kind), subjects.map(({ name }) => name)];
}
