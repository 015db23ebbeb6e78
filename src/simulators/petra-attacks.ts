import { createHash } from 'node:crypto';
import { DateTime } from 'luxon';
import type { Clock, Random } from '../core/clock.ts';
import type { Span } from '../core/source.ts';
import { domainOf, type PetraTenant } from './petra-organisation.ts';
import { pick, seeded } from './seeded.ts';

/** The counting part of the answer of `GET /v1/failed-attacks`. */
export interface AttackReport {
  readonly totalCount: number;
  readonly byCountry: readonly { name: string | null; countryCode: string; count: number }[];
  readonly byDay: readonly { date: string; byType: readonly { attackType: string; count: number }[] }[];
  readonly topTargetedUsers: readonly TargetedUser[];
}

interface TargetedUser {
  readonly userPrincipalName: string;
  readonly fullName: string | null;
  readonly jobTitle: string | null;
  readonly count: number;
  readonly attackOriginCountries: readonly { name: string | null; countryCode: string }[];
}

/** Attacks of one kind, from one country, on one user, spread evenly over one day. */
interface Attack {
  readonly attackType: string;
  readonly country: { readonly name: string | null; readonly countryCode: string };
  readonly user: {
    readonly userPrincipalName: string;
    readonly fullName: string;
    readonly jobTitle: string | null;
  };
  readonly count: number;
  /** The revised count, which holds from `revisedAt` (epoch ms). */
  readonly revised: number;
  readonly revisedAt: number;
}

interface World {
  readonly clock: Clock;
  readonly random: Random;
  /** Length of `topTargetedUsers`. */
  readonly top: number;
  /** Share of the attacks that are revised after their day: 0 to 1. */
  readonly revisions: number;
}

const DAY = 86_400_000;
const TYPES = ['LEGACY_AUTH', 'PASSWORD_SPRAY', 'PIERCING_HORNET', 'PYTHON', 'IDS_LOCKED'] as const;
const COUNTRIES = [
  { name: 'United States', countryCode: 'US' },
  { name: 'China', countryCode: 'CN' },
  { name: 'South Korea', countryCode: 'KR' },
  { name: 'Russia', countryCode: 'RU' },
  { name: null, countryCode: 'XK' },
] as const;
const TITLES = ['Sales Representative', 'Network Engineer', null] as const;

/** Failed attacks that are a function of tenant, day and clock: counts grow during the day, some are revised later. */
export class PetraAttacks {
  readonly #world: World;
  readonly #seed: number;
  readonly #days = new Map<string, readonly Attack[]>();

  constructor(world: World) {
    this.#world = world;
    this.#seed = world.random();
  }

  /** What the vendor answers for a window (epoch ms) at `at`, by default now. The truth, for a window of one day. */
  report(tenant: PetraTenant, window: Span, at = this.#world.clock.now()): AttackReport {
    const starts = midnights({ from: window.from, to: Math.min(window.to, at) });
    const days = starts.map((start) => ({
      date: new Date(start).toISOString(),
      hits: this.#attacks(tenant, start)
        .map((attack) => ({ ...attack, count: countIn(attack, start, window, at) }))
        .filter(({ count }) => count > 0),
    }));
    const hits = days.flatMap(({ hits }) => hits);
    return {
      totalCount: hits.reduce((sum, { count }) => sum + count, 0),
      byCountry: sums(
        hits,
        ({ country }) => country.countryCode,
        ({ country }) => country,
      ),
      byDay: days.map(({ date, hits }) => ({
        date,
        byType: sums(
          hits,
          ({ attackType }) => attackType,
          ({ attackType }) => ({ attackType }),
        ),
      })),
      topTargetedUsers: topUsers(hits).slice(0, this.#world.top),
    };
  }

  #attacks(tenant: PetraTenant, start: number): readonly Attack[] {
    const key = `${tenant.petraTenantId}|${start}`;
    const attacks = this.#days.get(key) ?? this.#draw(tenant, start, key);
    this.#days.set(key, attacks);
    return attacks;
  }

  #draw(tenant: PetraTenant, start: number, key: string): Attack[] {
    const random = seeded(createHash('sha256').update(`${this.#seed}|${key}`).digest().readUInt32LE());
    return Array.from({ length: Math.floor(random() * 12) }, () => {
      const number = Math.floor(random() * 8) + 1;
      const count = 1 + Math.floor(random() ** 3 * 500);
      return {
        attackType: pick(random, TYPES),
        country: pick(random, COUNTRIES),
        user: {
          userPrincipalName: `user${number}@${domainOf(tenant)}`,
          fullName: `User ${number}`,
          jobTitle: TITLES[number % TITLES.length] ?? null,
        },
        count,
        revised: random() < this.#world.revisions ? Math.floor(count * random() * 2) : count,
        revisedAt: start + DAY + Math.floor((2 + random() * 40) * 3_600_000),
      };
    });
  }
}

/** Starts of the UTC days that a window touches. */
function midnights({ from, to }: Span): number[] {
  const first = DateTime.fromMillis(from, { zone: 'utc' }).startOf('day').toMillis();
  return Array.from({ length: Math.max(0, Math.ceil((to - first) / DAY)) }, (_, day) => first + day * DAY);
}

/** How many of a day's attacks lie in the window and have happened at `at`. */
function countIn(
  { count, revised, revisedAt }: Attack,
  start: number,
  { from, to }: Span,
  at: number,
): number {
  const final = at >= revisedAt ? revised : count;
  const until = (time: number) => Math.floor(final * Math.min(1, Math.max(0, (time - start) / (DAY - 1))));
  return until(Math.min(to, at)) - until(from);
}

/** One row for each key, with the sum of its counts, the largest first. */
function sums<Row>(hits: readonly Attack[], key: (hit: Attack) => string, row: (hit: Attack) => Row) {
  return [...Map.groupBy(hits, key).values()]
    .map((group) => ({ ...row(group[0] as Attack), count: group.reduce((sum, { count }) => sum + count, 0) }))
    .toSorted((one, other) => other.count - one.count);
}

function topUsers(hits: readonly Attack[]): TargetedUser[] {
  return sums(
    hits,
    ({ user }) => user.userPrincipalName,
    ({ user }) => user,
  ).map((user) => {
    const origins = hits.filter((hit) => hit.user.userPrincipalName === user.userPrincipalName);
    const countries = new Map(origins.map(({ country }) => [country.countryCode, country]));
    return { ...user, attackOriginCountries: [...countries.values()] };
  });
}
