import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { DrivenClock } from '../../support/driven-clock.ts';
import { type TestPipeline, testPipeline } from '../../support/test-pipeline.ts';
import type { EcsEvent } from '../../../src/core/event.ts';
import { toJson } from '../../../src/core/json.ts';
import type { Page } from '../../../src/core/source.ts';
import type { LoginAttempt } from '../../../src/simulators/qradar-attempts.ts';
import { type ConsoleOptions, type SimulatedConsole, startConsole } from '../../../src/simulators/qradar.ts';
import type { SimulatedRequest } from '../../../src/simulators/server.ts';
import source from '../../../src/sources/qradar-login-attempts/index.ts';

export const NOW = Date.parse('2026-03-02T12:00:00Z');
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const LIST = '/api/access/login_attempts';
export const TOKEN = 'token-of-an-authorised-service';

/** A lab for the collector against a console. */
export function labFor(
  vendor: { readonly url: string },
  clock: DrivenClock,
  config: Readonly<Record<string, unknown>> = {},
): TestPipeline {
  return testPipeline({
    source,
    vendor,
    clock,
    config: { token: TOKEN, resolve_users: false, ...config },
  });
}

export function attempt(attempt_time: number, more: Partial<LoginAttempt> = {}): LoginAttempt {
  return {
    attempt_time,
    user_id: 7,
    remote_ip: '192.0.2.1',
    attempt_result: 'SUCCESS',
    attempt_method: 'LOGIN_PAGE',
    ...more,
  };
}

const FIELDS = ['attempt_time', 'user_id', 'remote_ip', 'attempt_result', 'attempt_method'] as const;

/** Rows as sorted texts, to compare two multisets. */
export function multiset(rows: readonly Partial<Record<keyof LoginAttempt, unknown>>[]): string[] {
  return rows.map((row) => toJson(FIELDS.map((name) => String(row[name])))).toSorted();
}

/** Lets both clocks go on, by the same time, whenever ours is waited for less than a minute, until `work` ends. */
export async function passing<T>(ours: DrivenClock, theirs: DrivenClock, work: Promise<T>): Promise<T> {
  const state = { ended: false };
  const end = () => {
    state.ended = true;
  };
  work.then(end, end);
  while (!state.ended) {
    await turn();
    const wait = (ours.next ?? Infinity) - ours.now();
    if (wait > MINUTE) continue;
    if (theirs !== ours) await theirs.advance(wait);
    await ours.advance(wait);
  }
  return work;
}

/** The vendor's fields of the events that were emitted, as rows. */
export function emittedRows({ events }: TestPipeline): Record<string, unknown>[] {
  return events.map(({ event }) => rowOf(event));
}

function rowOf(event: EcsEvent): Record<string, unknown> {
  return Object.fromEntries(FIELDS.map((name) => [name, event[`qradar.login_attempt.${name}`]]));
}

export const cursorOf = (lab: TestPipeline) => lab.cursors.get('') as Record<string, unknown>;
export const isComplete = (pages: readonly Page<unknown>[]) => pages.map(({ complete = false }) => complete);

interface Bench {
  readonly clock: DrivenClock;
  readonly console: SimulatedConsole;
  /** Starts the console of this test; it stops by itself. */
  start(options?: Partial<ConsoleOptions>): Promise<void>;
  lab(config?: Readonly<Record<string, unknown>>, ours?: DrivenClock): TestPipeline;
  /** What was asked of the list: the span, in milliseconds from NOW, and the range. */
  asked(): { from: number; to: number; range: string }[];
  /** The console hangs on spans longer than this. Milliseconds. */
  slowBeyond(span: number): void;
}

/** A clock that shows NOW and a console of its own for each test of the file. */
export function consoleBench(): Bench {
  let clock: DrivenClock;
  let vendor: SimulatedConsole;
  beforeEach(() => {
    clock = new DrivenClock('2026-03-02T12:00:00Z');
  });
  afterEach(() => vendor[Symbol.asyncDispose]());
  return {
    get clock() {
      return clock;
    },
    get console() {
      return vendor;
    },
    start: async (options = {}) => {
      vendor = await startConsole({ clock, token: TOKEN, ...options });
    },
    lab: (config = {}, ours = clock) => labFor(vendor, ours, config),
    asked: () =>
      vendor.requests
        .filter(({ path }) => path === LIST)
        .map((request) => ({ ...spanOf(request), range: request.headers['range'] ?? '' })),
    slowBeyond: (span) => {
      vendor.onRequest = (request) => {
        if (request.path !== LIST) return undefined;
        const { from, to } = spanOf(request);
        return to - from > span ? { status: 200, fault: 'hang' } : undefined;
      };
    },
  };
}

function spanOf({ query }: SimulatedRequest): { from: number; to: number } {
  const [from, to] = [...(query.get('filter') ?? '').matchAll(/\d+/g)].map(
    ([digits]) => Number(digits) - NOW,
  );
  return { from: from ?? NaN, to: to ?? NaN };
}
