import type { Clock, Random } from '../core/clock.ts';
import type { LoginAttempt } from './qradar-attempts.ts';
import { pick } from './seeded.ts';

/** A row of `/api/config/access/users`, with the fields that are used here. */
export interface ConsoleUser {
  readonly id: number | bigint;
  readonly username: string;
  readonly email: string;
  readonly tenant_id: number;
}

const NAMES = [
  'admin',
  'asha',
  'bruno',
  'chidi',
  'dalia',
  'emre',
  'farah',
  'goran',
  'hanna',
  'idris',
  'jana',
  'kofi',
];

/** An administrator (id 1) and others, named after a fixed list; numbered when there are more. */
export function consoleUsers(count = NAMES.length): ConsoleUser[] {
  return Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / NAMES.length);
    const username = `${NAMES[index % NAMES.length]}${round === 0 ? '' : round}`;
    return { id: index + 1, username, email: `${username}@example.com`, tenant_id: 0 };
  });
}

export interface AttemptPlan {
  readonly random: Random;
  readonly count: number;
  /** Half-open span of `attempt_time`, epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  /** Share of rows that have the time of the row before them. Default 0.3. */
  readonly shareMillisecond?: number;
  /** Share of rows that equal the row before them in everything. Default 0.02. */
  readonly duplicates?: number;
  readonly users?: readonly ConsoleUser[];
}

/** Networks reserved for documentation (RFC 5737, RFC 3849), from which attacks come; the last is IPv6. */
const OUTSIDE = ['192.0.2.', '198.51.100.', '203.0.113.', '2001:db8::'] as const;

/** Share of attempts that are attacks: from outside, mostly failing. */
const ATTACKS = 0.25;

/** Login attempts in order of time, the same for the same `random`: users who sign in from their desks, and attackers. */
export function loginAttempts(plan: AttemptPlan): LoginAttempt[] {
  const { random, count, shareMillisecond = 0.3, duplicates = 0.02, users = consoleUsers() } = plan;
  const times = instants(plan);
  const rows: LoginAttempt[] = [];
  for (let n = 0; n < count; n += 1) {
    const before = rows.at(-1);
    const drawn = random();
    if (before !== undefined && drawn < duplicates) {
      rows.push(before);
      continue;
    }
    const shared = before !== undefined && drawn < duplicates + shareMillisecond;
    const time = shared ? before.attempt_time : Math.max(times[n] as number, before?.attempt_time ?? 0);
    rows.push(loginAttempt(random, time, users));
  }
  return rows;
}

/** One login attempt at a time. */
export function loginAttempt(
  random: Random,
  time: number,
  users: readonly ConsoleUser[] = consoleUsers(),
): LoginAttempt {
  const user = pick(random, users);
  const attack = random() < ATTACKS;
  return {
    attempt_time: time,
    user_id: user.id,
    remote_ip: attack ? outside(random) : desk(user),
    attempt_result: random() < (attack ? 0.97 : 0.06) ? 'FAILURE' : 'SUCCESS',
    attempt_method: random() < 0.15 ? 'HTTP_BASIC' : 'LOGIN_PAGE',
  };
}

function instants({ random, count, from, to }: AttemptPlan): Float64Array {
  return Float64Array.from({ length: count }, () => from + Math.floor(random() * (to - from))).toSorted();
}

function outside(random: Random): string {
  const network = pick(random, OUTSIDE);
  const host = 1 + Math.floor(random() * 254);
  return `${network}${network.includes(':') ? host.toString(16) : host}`;
}

/** A user's own address, always the same: a private one. */
function desk({ id }: ConsoleUser): string {
  const host = Number(id) % 250;
  return Number(id) % 3 === 0 ? `192.168.10.${host + 1}` : `10.20.${host % 8}.${host + 1}`;
}

/**
 * Adds new attempts as time passes, at random moments, `perMinute` on average. Runs until the signal aborts, then
 * resolves.
 */
export async function startTraffic(
  console: { readonly users: readonly ConsoleUser[]; add(rows: Iterable<LoginAttempt>): void },
  {
    clock,
    random,
    perMinute,
    signal,
  }: { clock: Clock; random: Random; perMinute: number; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    // Waits between independent events are exponential; 1 − random() keeps the logarithm finite.
    const wait = (-Math.log(1 - random()) * 60_000) / perMinute;
    try {
      await clock.sleep(wait, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    console.add([loginAttempt(random, clock.now(), console.users)]);
  }
}
