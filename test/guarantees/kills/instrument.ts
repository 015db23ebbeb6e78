import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import process from 'node:process';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Journal, PageCommit } from '../../../src/journal/journal.ts';
import { RecordEncoder } from '../../../src/otlp/encode.ts';
import type { Sender } from '../../../src/otlp/sender.ts';
import type { KillPoint, Phase, Step } from './steps.ts';

/** Kills this process when it comes to its step for the nth time. */
export class Killer {
  readonly #point: KillPoint | undefined;
  #left: number;

  constructor(point: KillPoint | undefined) {
    this.#point = point;
    this.#left = point?.nth ?? Infinity;
  }

  /** Does not return at the step where the process ends: SIGKILL to oneself is delivered before the call returns. */
  reach(step: Step, phase: Phase): void {
    if (step !== this.#point?.step || phase !== this.#point.phase) return;
    this.#left -= 1;
    if (this.#left === 0) process.kill(process.pid, 'SIGKILL');
  }
}

/** Which method of the journal runs, for the statements below it. */
export const running = new AsyncLocalStorage<string>();

/** Lock, migrations, the transactions of pages, and the deletion of delivered ones, by their statements. */
export function watchSqlite(killer: Killer): void {
  // oxlint-disable-next-line typescript/unbound-method -- each is called with its object
  const [{ exec }, { run }] = [DatabaseSync.prototype, StatementSync.prototype];
  DatabaseSync.prototype.exec = function (sql) {
    return around(killer, stepOf(sql), () => exec.call(this, sql));
  };
  StatementSync.prototype.run = function (...args: unknown[]) {
    const step = this.sourceSQL.startsWith('DELETE FROM page ') ? 'trim' : undefined;
    return around(killer, step, () => Reflect.apply(run, this, args));
  };
}

function around<T>(killer: Killer, step: Step | undefined, work: () => T): T {
  if (step !== undefined) killer.reach(step, 'before');
  const result = work();
  if (step !== undefined) killer.reach(step, 'after');
  return result;
}

function stepOf(sql: string): Step | undefined {
  if (sql.includes('locking_mode = EXCLUSIVE; BEGIN')) return 'lock';
  if (sql.includes('CREATE TABLE')) return 'migration';
  if (running.getStore() !== 'commit') return undefined;
  return { 'BEGIN IMMEDIATE': 'begin' as const, COMMIT: 'commit' as const }[sql];
}

/** Requests to vendors go through undici, requests to destinations through Node's client. */
export function watchRequests(killer: Killer): void {
  subscribe('undici:request:create', () => killer.reach('request', 'before'));
  subscribe('undici:client:sendHeaders', () => killer.reach('request', 'after'));
  subscribe('undici:request:headers', () => killer.reach('answer', 'before'));
  subscribe('undici:request:trailers', () => killer.reach('answer', 'after'));
  subscribe('http.client.request.created', (message) => {
    const { request } = message as { request: ClientRequest };
    request.once('finish', () => killer.reach('send', 'after'));
  });
  subscribe('http.client.response.finish', () => killer.reach('answer received', 'before'));
}

/** The encoder takes the finished events of a page at once. */
export function watchEncoder(killer: Killer): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its encoder
  const { encode } = RecordEncoder.prototype;
  RecordEncoder.prototype.encode = function (...args) {
    killer.reach('build', 'before');
    const encoded = encode.apply(this, args);
    killer.reach('build', 'after');
    return encoded;
  };
}

/** Whether a replay runs: then what is sent is sent again. */
let replaying = false;

export function watchSender(sender: Sender, killer: Killer): Sender {
  const send: Sender['send'] = async (...args) => {
    killer.reach('send', 'before');
    if (replaying) killer.reach('replay', 'before');
    const outcome = await sender.send(...args);
    killer.reach('answer received', 'after');
    if (replaying) killer.reach('replay', 'after');
    return outcome;
  };
  return replaced(sender, { send });
}

/** The steps of the journal, by its methods. */
const METHODS: Readonly<Record<string, Step>> = {
  'ledger.lookup': 'ledger look-up',
  'pages.read': 'journal read',
  acknowledge: 'position moved',
};

export function watchJournal(journal: Journal, killer: Killer, path = ''): Journal {
  const call = async (name: string, method: () => unknown, args: readonly unknown[]) => {
    const step = stepOfMethod(name, args);
    if (step !== undefined) killer.reach(step, 'before');
    const result = await running.run(name, method);
    if (step !== undefined) killer.reach(step, 'after');
    return result;
  };
  return new Proxy(journal, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof name === 'symbol') return typeof member === 'function' ? member.bind(target) : member;
      if (typeof member === 'object' && member !== null)
        return watchJournal(member as Journal, killer, `${path}${name}.`);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) =>
        call(`${path}${name}`, () => Reflect.apply(member, target, args) as unknown, args);
    },
  });
}

function stepOfMethod(name: string, args: readonly unknown[]): Step | undefined {
  if (name === 'jobs.noteProgress') replaying = true;
  if (name === 'commit') return (args[0] as PageCommit).lane === 'backfill' ? 'backfill page' : undefined;
  return METHODS[name];
}

/** An object of which some methods are others. */
export function replaced<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get(target, name) {
      const other: unknown = Reflect.get(methods, name);
      if (other !== undefined) return other;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
