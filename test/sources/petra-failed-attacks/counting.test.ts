import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import type { EcsEvent } from '../../../src/core/event.ts';
import type { AttackReport } from '../../../src/simulators/petra-attacks.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { SimulatedRequest } from '../../../src/simulators/server.ts';
import source from '../../../src/sources/petra-failed-attacks/index.ts';
import { modelRuns } from '../../support/model-runs.ts';

const HOUR = 3_600_000;
const TENANTS = drawTenants(seeded(2), 2);
const FIRST = TENANTS[0]!;

/** What an event counts, without the day: `country RU`. */
function seriesOf(event: EcsEvent): string {
  const dimension = event['petra.failed_attacks.dimension'] as string;
  const subject = {
    total: '',
    attack_type: event['petra.failed_attacks.attack_type'],
    country: event['source.geo.country_iso_code'],
    user: event['user.email'],
  }[dimension];
  return `${dimension} ${subject as string}`;
}

function keyOf(event: EcsEvent): string {
  return [event['petra.tenant.id'], (event['event.start'] as string).slice(0, 10), seriesOf(event)].join('|');
}

/** Tenant and day that were asked for. */
function dayOf({ query }: SimulatedRequest): string {
  return `${query.get('tenantId')}|${query.get('startDate')?.slice(0, 10)}`;
}

/** A report as counts by series. */
function countsOf({ totalCount, byDay, byCountry, topTargetedUsers }: AttackReport): Map<string, number> {
  return new Map([
    ['total ', totalCount],
    ...byDay.flatMap(({ byType }) =>
      byType.map((row) => [`attack_type ${row.attackType}`, row.count] as const),
    ),
    ...byCountry.map((row) => [`country ${row.countryCode}`, row.count] as const),
    ...topTargetedUsers.map((row) => [`user ${row.userPrincipalName}`, row.count] as const),
  ]);
}

const count = (event: EcsEvent | undefined) => event?.['petra.failed_attacks.count'] as number;
const delta = (event: EcsEvent) => event['petra.failed_attacks.delta'] as number;

/** What each event counts: series, count, delta, final. */
function brief(events: readonly EcsEvent[] | undefined): unknown[][] {
  return (events ?? []).map((event) => [
    seriesOf(event),
    count(event),
    delta(event),
    event['petra.failed_attacks.final'],
  ]);
}

describe('the counters of petra-failed-attacks', () => {
  it('the deltas sum up to what the vendor last showed, whatever was read when', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.nat(20 * HOUR) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('run', 'once') }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('die'), after: fc.nat(5) }) },
    );
    const history = fc.record({ seed: fc.nat(), steps: fc.array(step, { minLength: 1, maxLength: 12 }) });
    await fc.assert(
      fc.asyncProperty(history, async ({ seed, steps }) => {
        const clock = new DrivenClock('2026-03-10T12:00:00Z');
        const world = { clock, random: seeded(seed), token: 'the key', tenants: TENANTS };
        await using petra = await startPetra({ ...world, incidentsPerDay: 0, revisions: 0.6, top: 3 });
        const config = { initial_lookback: '2d', intraday_interval: '5h' };
        const read = new Map<string, SimulatedRequest>();
        const onCommit = () => {
          const request = petra.requests.at(-1);
          if (request?.query.has('endDate')) read.set(dayOf(request), request);
        };
        const lab = new PetraLab({ source, url: petra.url, clock, config, onCommit });
        for (const one of steps) {
          if ('ms' in one) clock.jump(one.ms);
          else if ('after' in one) await lab.poll({ diesAfter: one.after });
          else await lab.poll({ mode: one.do });
        }
        await lab.poll();

        expect(untruths(petra, lab, read)).toEqual([]);
      }),
      { numRuns: modelRuns(25) },
    );
  });
});

/** Series whose sum is not their last count, or whose last count is not that of the last answer that showed it. */
function untruths(petra: Petra, lab: PetraLab, read: ReadonlyMap<string, SimulatedRequest>): string[] {
  const emitted = Map.groupBy(lab.events, keyOf);
  const last = (key: string) => count(emitted.get(key)?.at(-1));
  const unsummed = [...emitted.keys()].filter(
    (key) => emitted.get(key)?.reduce((sum, event) => sum + delta(event), 0) !== last(key),
  );
  const wrong = [...read].flatMap(([day, { query, at }]) => {
    const tenant = petra.tenants.find(query.get('tenantId') ?? '') ?? FIRST;
    const [from, to] = ['startDate', 'endDate'].map((name) => Date.parse(query.get(name) ?? '')) as [
      number,
      number,
    ];
    const shown = countsOf(petra.attacks.report(tenant, { from, to }, at));
    const missed = [...shown].flatMap(([series, expected]) =>
      last(`${day}|${series}`) === expected ? [] : [`${day}|${series}`],
    );
    const kept = [...emitted.keys()].filter(
      (key) =>
        key.startsWith(`${day}|`) &&
        !key.startsWith(`${day}|user`) &&
        last(key) !== (shown.get(key.slice(day.length + 1)) ?? 0),
    );
    return [...missed, ...kept];
  });
  return [...unsummed, ...wrong];
}

describe('one day', () => {
  let clock: DrivenClock;
  let petra: Petra;
  let lab: PetraLab;

  async function start(): Promise<void> {
    clock = new DrivenClock('2026-03-10T12:00:00Z');
    petra = await startPetra({
      clock,
      random: seeded(1),
      token: 'the key',
      tenants: [FIRST],
      incidentsPerDay: 0,
    });
    const config = { initial_lookback: '1d', intraday_interval: null };
    lab = new PetraLab({ source, url: petra.url, clock, config });
  }

  /** Two polls read the same closed day, and get these answers. */
  async function read(...answers: Record<string, unknown>[]): Promise<EcsEvent[][]> {
    const emitted: EcsEvent[][] = [];
    for (const own of answers) {
      const before = lab.events.length;
      const { petraTenantId, name, microsoftTenantId } = FIRST;
      const body = {
        dateRange: { startDate: '2026-03-09T00:00:00.000Z', endDate: '2026-03-09T23:59:59.999Z' },
        tenant: { petraTenantId, name, microsoftTenantId },
        totalCount: 0,
        byCountry: [],
        byDay: [],
        topTargetedUsers: [],
        ...own,
      };
      petra.script.push(undefined, { status: 200, body });
      await lab.poll();
      emitted.push(lab.events.slice(before));
      clock.jump(6 * HOUR);
    }
    return emitted;
  }

  afterEach(async () => {
    await petra[Symbol.asyncDispose]();
  });

  it('a day is final at its first settled reading, also one without attacks', async () => {
    await start();

    const [emitted] = await read({});

    expect(brief(emitted)).toEqual([['total ', 0, 0, true]]);
    expect(emitted?.[0]).toMatchObject({
      '@timestamp': '2026-03-10T12:00:00.000Z',
      'event.start': '2026-03-09T00:00:00.000Z',
      'event.end': '2026-03-10T00:00:00.000Z',
      'event.kind': 'metric',
    });
  });

  it('only revised counts are emitted again, and what is missing falls to 0, except users', async () => {
    await start();
    const user = { userPrincipalName: 'pink.jones@acmecorp.com', count: 5 };

    const [, emitted] = await read(
      {
        totalCount: 12,
        byCountry: [
          { name: 'Russia', countryCode: 'RU', count: 7 },
          { name: 'China', countryCode: 'CN', count: 5 },
        ],
        byDay: [{ date: '2026-03-09T00:00:00.000Z', byType: [{ attackType: 'PYTHON', count: 12 }] }],
        topTargetedUsers: [user],
      },
      { totalCount: 5, byCountry: [{ name: 'China', countryCode: 'CN', count: 5 }] },
    );

    expect(brief(emitted)).toEqual([
      ['total ', 5, -7, true],
      ['attack_type PYTHON', 0, -12, true],
      ['country RU', 0, -7, true],
    ]);
    expect(emitted?.[2]).toMatchObject({ 'source.geo.country_name': 'Russia' });
  });

  it('rows of other days are not counted', async () => {
    await start();
    const byType = [{ attackType: 'PYTHON', count: 12 }];

    const [emitted] = await read({
      byDay: ['2026-03-08', '2026-03-09', '2026-03-10'].map((date) => ({ date, byType })),
    });

    expect(brief(emitted)).toEqual([
      ['total ', 0, 0, true],
      ['attack_type PYTHON', 12, 12, true],
    ]);
  });

  it.each([
    ['2026-03-09T00:00:00.000Z', '2026-03-10T00:00:00.000Z'],
    ['2026-02-09T00:00:00.000Z', '2026-03-09T23:59:59.999Z'],
    ['2026-03-09T12:00:00.000Z', '2026-03-09T23:59:59.999Z'],
  ])('an answer for another window is not counted: %s to %s', async (startDate, endDate) => {
    await start();

    const [emitted, again] = await read(
      { dateRange: { startDate, endDate }, totalCount: 99 },
      { dateRange: { startDate, endDate }, totalCount: 99 },
    );

    expect(emitted).toMatchObject([
      { 'event.kind': 'pipeline_error', 'event.original': expect.stringContaining('"totalCount":99') },
    ]);
    expect(again).toEqual([]);
    expect((await lab.streams())[0]?.lastComplete).toBeUndefined();
  });

  it('rows of one subject are added up', async () => {
    await start();

    const [emitted] = await read({
      byCountry: [
        { name: null, countryCode: null, count: 2 },
        { name: null, countryCode: '', count: 3 },
      ],
    });

    expect(brief(emitted)).toContainEqual(['country undefined', 5, 5, true]);
  });

  it.each<[string, object]>([
    ['no tenant', { tenant: undefined }],
    ['null for a tenant', { tenant: null }],
    ['a tenant without ids', { tenant: {} }],
    ['a tenant with an empty id', { tenant: { petraTenantId: '', name: '' } }],
    ['an odd tenant', { tenant: 'Acme' }],
    ['an odd id', { tenant: { petraTenantId: 7, name: 7 } }],
  ])('an answer counts for the requested tenant when it has %s', async (_what, answer) => {
    await start();

    const [emitted] = await read({ ...answer, byCountry: [{ countryCode: 'CN', count: 5 }, { count: 2 }] });

    expect(brief(emitted)).toContainEqual(['country CN', 5, 5, true]);
    expect(brief(emitted)).toContainEqual(['country undefined', 2, 2, true]);
    for (const event of emitted ?? [])
      expect(event).toMatchObject({
        'event.kind': 'metric',
        'organization.id': FIRST.petraTenantId,
        'organization.name': FIRST.name,
        'petra.tenant.id': FIRST.petraTenantId,
      });
  });

  it('a country with an odd code is not counted as an unknown country', async () => {
    await start();

    const [emitted] = await read({
      byCountry: [
        { countryCode: 7, count: 5 },
        { countryCode: null, count: 2 },
      ],
    });

    expect(brief(emitted)).toContainEqual(['country undefined', 2, 2, true]);
    expect(emitted?.filter((event) => event['event.kind'] === 'pipeline_error')).toMatchObject([
      { 'error.message': 'countryCode: expected text' },
    ]);
  });

  it('rows that do not fit are shipped, and others of their kind do not fall to 0', async () => {
    await start();
    const china = { name: 'China', countryCode: 'CN', count: 5 };

    const [, emitted] = await read(
      { byCountry: [china] },
      { byCountry: [{ ...china, count: 'many' }], byDay: ['yesterday'], totalCount: -1 },
    );

    expect(emitted?.map((event) => event['event.kind'])).toEqual([
      'pipeline_error',
      'pipeline_error',
      'pipeline_error',
    ]);
  });

  it.each([
    { byCountry: {} },
    { dateRange: undefined },
    { topTargetedUsers: 'none' },
    { error: { code: 'LATE', message: 'Not counted yet.' } },
    { totalCount: undefined, byCountry: undefined, byDay: undefined, topTargetedUsers: undefined },
  ])('a poll fails when the answer is not a report: %j', async (own) => {
    await start();

    const [emitted] = await read(own);

    expect(emitted).toEqual([]);
    expect((await lab.cursor(FIRST.petraTenantId))['read']).toEqual([]);
    expect((await lab.streams())[0]?.lastError).toContain('not in the format that Petra documents');
  });
});
