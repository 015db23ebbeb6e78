import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TimedOutError, UnauthorisedError } from '../../../src/errors.ts';
import type { Page } from '../../../src/source.ts';
import { type SimulatedConsole, startConsole } from '../../../src/simulators/qradar.ts';
import type { ConsoleOptions } from '../../../src/simulators/qradar-options.ts';
import type { SimulatedRequest } from '../../../src/simulators/server.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drive, failure } from '../../http/support/rig.ts';
import type { SourceLab } from '../../support/source-lab.ts';
import { attempt, labFor, multiset, TOKEN, toldRows } from './support.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LIST = '/api/access/login_attempts';

let clock: DrivenClock;
let console: SimulatedConsole;

beforeEach(() => {
  clock = new DrivenClock('2026-03-02T12:00:00Z');
});

afterEach(() => console[Symbol.asyncDispose]());

async function start(options: Partial<ConsoleOptions> = {}): Promise<void> {
  console = await startConsole({ clock, token: TOKEN, ...options });
}

/** What was asked of the list: the span, in milliseconds from NOW, and the range. */
function asked(): { from: number; to: number; range: string }[] {
  return console.requests
    .filter(({ path }) => path === LIST)
    .map((request) => ({ ...spanOf(request), range: request.headers['range'] ?? '' }));
}

function spanOf({ query }: SimulatedRequest): { from: number; to: number } {
  const [from, to] = [...(query.get('filter') ?? '').matchAll(/\d+/g)].map(
    ([digits]) => Number(digits) - NOW,
  );
  return { from: from ?? NaN, to: to ?? NaN };
}

const cursorOf = (lab: SourceLab) => lab.stream('').cursor as Record<string, unknown>;
const isComplete = (pages: readonly Page<unknown>[]) => pages.map(({ complete = false }) => complete);

/** The console hangs on spans longer than this. */
function slowBeyond(span: number): void {
  console.onRequest = (request) => {
    if (request.path !== LIST) return undefined;
    const { from, to } = spanOf(request);
    return to - from > span ? { status: 200, fault: 'hang' } : undefined;
  };
}

const warningsOfOwnRows = (lab: SourceLab) =>
  lab.lines.filter(({ msg }) => /ADMIN capability/.test(String(msg)));

describe('a first poll', () => {
  it('tells what is settled and within initial_lookback, and ends complete', async () => {
    const inside = [NOW - 7 * DAY, NOW - 6 * HOUR, NOW - MINUTE - 1].map((time) => attempt(time));
    await start({ rows: [attempt(NOW - 7 * DAY - 1), ...inside, attempt(NOW - MINUTE)] });
    const lab = labFor(console, clock);

    const pages = await lab.once();

    expect(multiset(toldRows(lab))).toEqual(multiset(inside));
    expect(isComplete(pages)).toEqual([...pages.slice(1).map(() => false), true]);
    expect(cursorOf(lab)).toMatchObject({ next: NOW - MINUTE, known: NOW - 6 * MINUTE });
  });

  it('reads a long span in slices, and covers it without a hole', async () => {
    await start();
    const lab = labFor(console, clock, { initial_lookback: '3d', slice: '1d' });

    await lab.once();

    expect(asked().map(({ from, to }) => [from, to])).toEqual([
      [-3 * DAY, -2 * DAY],
      [-2 * DAY, -DAY],
      [-DAY, -MINUTE],
    ]);
    expect(lab.stream('').covered).toEqual([
      { from: NOW - 3 * DAY, to: NOW - 2 * DAY },
      { from: NOW - 2 * DAY, to: NOW - DAY },
      { from: NOW - DAY, to: NOW - MINUTE },
    ]);
  });

  it.each([
    ['the list of users', { resolve_users: true }, '/api/config/access/users'],
    ['the release, when no names are wanted', { resolve_users: false }, '/api/system/about'],
  ])('takes the clock of the console from %s, also when that is refused', async (_, config, path) => {
    await start();
    console.onRequest = (request) => (request.path === path ? { status: 403, body: {} } : undefined);
    const ours = new DrivenClock('2019-01-01T00:00:00Z');
    const lab = labFor(console, ours, { initial_lookback: '1h', ...config });

    await lab.once();

    expect(console.requests[0]?.path).toBe(path);
    expect(asked().map(({ from, to }) => [from, to])).toEqual([[-HOUR, -MINUTE]]);
  });
});

describe('a later poll', () => {
  it('is one request at rest: it moves the cursor, and tells nothing', async () => {
    await start({ rows: [attempt(NOW - 2 * MINUTE)] });
    const lab = labFor(console, clock, { resolve_users: true });
    await lab.once();
    const before = console.requests.length;
    await clock.advance(MINUTE);

    const pages = await lab.once();

    expect(console.requests).toHaveLength(before + 1);
    expect(lab.told).toHaveLength(1);
    expect(pages).toMatchObject([{ complete: true, cursor: { next: NOW } }]);
  });

  it('reads the overlap again, for rows that came late', async () => {
    await start({ rows: [attempt(NOW - 4 * MINUTE)] });
    const lab = labFor(console, clock);
    await lab.once();
    console.add([attempt(NOW - 6 * MINUTE), attempt(NOW - 4 * MINUTE), attempt(NOW - 6 * MINUTE - 1)]);

    await lab.once();

    expect(multiset(toldRows(lab))).toEqual(
      multiset([attempt(NOW - 6 * MINUTE), attempt(NOW - 4 * MINUTE), attempt(NOW - 4 * MINUTE)]),
    );
  });

  it('tells nothing twice when the overlap was made larger meanwhile', async () => {
    await start({ rows: [attempt(NOW - 30 * MINUTE)] });
    const lab = labFor(console, clock);
    await lab.once();

    await lab.once({ overlap: '1h' });

    expect(lab.told).toHaveLength(1);
  });

  it('keeps in the ledger only what it will read again', async () => {
    await start({ rows: Array.from({ length: 500 }, (_, n) => attempt(NOW - DAY + n * 2 * MINUTE)) });
    const lab = labFor(console, clock, { page_size: 50 });

    await lab.once();

    expect(lab.told).toHaveLength(500);
    expect(lab.stream('').ledger.size).toBeLessThan(50);
  });

  it('goes on in the same poll when it took so long that more is settled', async () => {
    await start({ rows: [attempt(NOW - 30 * MINUTE), attempt(NOW - 20 * MINUTE), attempt(NOW + MINUTE)] });
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 2 });
    console.onRequest = () => {
      if (console.requests.length === 3) clock.jump(10 * MINUTE);
      return undefined;
    };

    await lab.once();

    expect(lab.told).toHaveLength(3);
    expect(cursorOf(lab)['next']).toBe(NOW + 9 * MINUTE);
  });
});

describe('paging', () => {
  it('asks from the last time seen, and grows the offset only within one time', async () => {
    const ties = [1, 2, 3, 4, 5].map((user_id) => attempt(NOW - 30 * MINUTE, { user_id }));
    await start({ rows: [attempt(NOW - 40 * MINUTE), ...ties, attempt(NOW - 20 * MINUTE)] });
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 2 });

    await lab.once();

    expect(lab.told).toHaveLength(7);
    expect(asked().map(({ from, range }) => [from / MINUTE, range])).toEqual([
      [-60, 'items=0-1'],
      [-30, 'items=0-1'],
      [-30, 'items=2-3'],
      [-30, 'items=4-5'],
      [-20, 'items=0-1'],
    ]);
  });

  it('grows the offset by the rows received where the console sends fewer than asked for', async () => {
    const ties = [1, 2, 3, 4, 5].map((user_id) => attempt(NOW - 30 * MINUTE, { user_id }));
    await start({ rows: ties, maxPage: 2 });
    const lab = labFor(console, clock, { initial_lookback: '30m' });

    await lab.once();

    expect(lab.told).toHaveLength(5);
    expect(asked().map(({ range }) => range)).toEqual(['items=0-999', 'items=2-1001', 'items=4-1003']);
  });

  it.each([
    ['is honest', undefined],
    ['is missing', () => undefined],
    ['is nonsense', () => 'bytes 0-1/2'],
    [
      'counts what was received',
      ({ first, last }: { first?: number | undefined; last?: number | undefined }) =>
        `items ${first}-${last}/${(last ?? 0) - (first ?? 0) + 1}`,
    ],
    [
      'ends with the page',
      ({ first, last }: { first?: number | undefined; last?: number | undefined }) =>
        `items ${first}-${last}/${(last ?? 0) + 1}`,
    ],
    [
      'has no total',
      ({ first, last }: { first?: number | undefined; last?: number | undefined }) =>
        `items ${first}-${last}/*`,
    ],
  ])('reads full pages to the end when Content-Range %s', async (_, contentRange) => {
    const rows = Array.from({ length: 11 }, (_, n) =>
      attempt(NOW - 30 * MINUTE + (n >> 2), { user_id: n % 2 }),
    );
    await start({ rows, ...(contentRange && { contentRange }) });
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 2 });

    await lab.once();

    expect(multiset(toldRows(lab))).toEqual(multiset(rows));
  });

  it('takes 416 for the end', async () => {
    await start({ rows: [attempt(NOW - 30 * MINUTE), attempt(NOW - 30 * MINUTE)] });
    const lab = labFor(console, clock, { initial_lookback: '30m', page_size: 2 });
    console.onRequest = ({ headers }) =>
      headers['range'] === 'items=2-3' ? { status: 416, body: {} } : undefined;

    const pages = await lab.once();

    expect(lab.told).toHaveLength(2);
    expect(isComplete(pages)).toEqual([false, true]);
  });

  it('tells more equal rows than fit a page', async () => {
    await start({
      rows: Array.from({ length: 9 }, () => attempt(NOW - 30 * MINUTE)),
      contentRange: () => undefined,
    });
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 2 });

    await lab.once();
    await lab.once();

    expect(lab.told).toHaveLength(9);
  });
});

describe('a console that does not keep to its document', () => {
  it('is refused when it takes no notice of Range', async () => {
    const same = [attempt(NOW - 30 * MINUTE), attempt(NOW - 30 * MINUTE)];
    await start();
    console.onRequest = ({ path }) => (path === LIST ? { status: 200, body: same } : undefined);
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 2 });

    await expect(lab.once()).rejects.toThrow(/takes no notice of the Range header/);

    expect(lab.told).toHaveLength(2);
  });

  it('is read when it takes no notice of Range, and all it has comes in one answer', async () => {
    await start({ rows: [40, 30, 30, 20].map((minutes) => attempt(NOW - minutes * MINUTE)) });
    console.onRequest = ({ headers }) => void Object.assign(headers, { range: undefined });
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 2 });

    await lab.once();
    await lab.once();

    expect(lab.told).toHaveLength(4);
  });

  it('is refused when it takes no notice of the filter', async () => {
    await start();
    const history = [1, 2, 3, 4].map((day) => attempt(NOW - (30 - day) * DAY));
    console.onRequest = ({ path }) => (path === LIST ? { status: 200, body: history } : undefined);
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 4 });

    await expect(lab.once()).rejects.toThrow(/takes no notice of the filter/);

    expect(lab.told).toHaveLength(0);
  });

  it('may show a row that was not asked for: it is told, once', async () => {
    await start();
    console.onRequest = ({ path }) => (path === LIST ? { status: 200, body: [attempt(42)] } : undefined);
    const lab = labFor(console, clock, { initial_lookback: '1h' });

    await lab.once();
    for (let hours = 0; hours < 3; hours += 1) {
      await clock.advance(HOUR);
      await lab.once();
    }

    expect(lab.told.map(({ event }) => event['@timestamp'])).toEqual(['1970-01-01T00:00:00.042Z']);
  });

  it.each(['refuses to sort', 'takes no notice of sort'])(
    'is read whole and sorted here when it %s',
    async (how) => {
      const rows = Array.from({ length: 9 }, (_, n) => attempt(NOW - (30 - (n >> 1)) * MINUTE));
      await start({ rows, refuseSort: how === 'refuses to sort' });
      if (how !== 'refuses to sort') {
        console.onRequest = ({ query }) => {
          query.delete('sort');
          return undefined;
        };
      }
      const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 4 });

      const pages = await lab.once();
      await lab.once();

      expect(multiset(toldRows(lab))).toEqual(multiset(rows));
      const times = toldRows(lab).map(({ attempt_time }) => Number(attempt_time));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(pages.map(({ observations }) => observations.length)).toEqual([0, 4, 4, 1]);
    },
  );

  it('is not asked to sort again once it refused, by no later process either', async () => {
    await start({ refuseSort: true, rows: [attempt(NOW - 30 * MINUTE)] });
    const lab = labFor(console, clock);

    await lab.once();
    await lab.once();

    expect(console.requests.filter(({ query }) => query.has('sort'))).toHaveLength(1);
  });

  it('fails the poll when the list is none', async () => {
    await start();
    console.onRequest = ({ path }) =>
      path === LIST ? { status: 200, body: { message: 'Hello' } } : undefined;
    const lab = labFor(console, clock);

    await expect(lab.once()).rejects.toThrow(/no JSON array/);

    expect(cursorOf(lab)).toBeUndefined();
  });
});

describe('a console that is too slow', () => {
  it('is asked for half as much within the same poll, and for more again later', async () => {
    const rows = Array.from({ length: 24 }, (_, n) => attempt(NOW - DAY + n * HOUR));
    await start({ rows });
    const lab = labFor(console, clock, { initial_lookback: '1d', slice: '1d', timeout: '30s' });
    slowBeyond(7 * HOUR);

    await drive(clock, lab.once(), MINUTE);

    expect(multiset(toldRows(lab))).toEqual(multiset(rows));
    const spans = asked().map(({ from, to }) => (to - from) / HOUR);
    expect(Math.round(spans[0] as number)).toBe(24);
    expect(spans.slice(1, 3).map(Math.round)).toEqual([12, 6]);
  });

  it('stays asked for less after a crash', async () => {
    await start();
    const lab = labFor(console, clock, { initial_lookback: '1d', slice: '1d', timeout: '30s' });
    slowBeyond(7 * HOUR);
    await using process = lab.start();
    const pages = process.poll({ id: '' })[Symbol.asyncIterator]();
    for (const _ of [1, 2]) process.commit({ id: '' }, (await drive(clock, pages.next(), MINUTE)).value);
    const before = asked().length;

    await drive(clock, lab.once(), MINUTE);

    const [first] = asked().slice(before);
    expect(Math.round(((first?.to ?? 0) - (first?.from ?? 0)) / HOUR)).toBe(6);
  });

  it('fails the poll when a second of it takes too long', async () => {
    await start();
    const lab = labFor(console, clock, { initial_lookback: '1h', timeout: '30s' });
    slowBeyond(-1);

    const error = await failure(drive(clock, lab.once(), MINUTE));

    expect(error).toBeInstanceOf(TimedOutError);
    const last = asked().at(-1);
    expect((last?.to ?? 0) - (last?.from ?? 0)).toBe(SECOND);
  });
});

describe('clocks', () => {
  it.each([
    ['a day ahead', DAY],
    ['a day behind', -DAY],
    ['five seconds behind', -5 * SECOND],
  ])('commits no more than the console had settled when our clock is %s', async (_, jump) => {
    await start({ rows: [attempt(NOW - 2 * MINUTE), attempt(NOW - 30 * SECOND)] });
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    const lab = labFor(console, ours, { overlap: '0s' });
    await lab.once();
    ours.jump(jump);
    await clock.advance(10 * MINUTE);
    console.add([attempt(NOW + 5 * MINUTE), attempt(NOW + 9 * MINUTE + 1)]);

    await lab.once();

    expect(multiset(toldRows(lab))).toEqual(
      multiset([attempt(NOW - 2 * MINUTE), attempt(NOW - 30 * SECOND), attempt(NOW + 5 * MINUTE)]),
    );
    expect(cursorOf(lab)['next']).toBe(NOW + 9 * MINUTE);
  });

  it('reads the overlap also when our clock is a little behind', async () => {
    await start();
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    const lab = labFor(console, ours, { settle: '2s', overlap: '3s' });
    await lab.once();
    ours.jump(-5 * SECOND);
    console.add([attempt(NOW - 4 * SECOND)]);

    await lab.once();

    expect(lab.told).toHaveLength(1);
  });

  it('reads again what a console may have dated anew when its clock went back', async () => {
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    await start({ rows: [attempt(NOW - 90 * MINUTE), attempt(NOW - 2 * MINUTE)] });
    const lab = labFor(console, ours);
    await lab.once();
    await clock.advance(10 * MINUTE);
    await ours.advance(10 * MINUTE);
    clock.jump(-HOUR);
    console.add([attempt(NOW - 59 * MINUTE), attempt(NOW - 52 * MINUTE)]);

    await lab.once();
    await clock.advance(2 * HOUR);
    await ours.advance(2 * HOUR);
    await lab.once();

    expect(multiset(toldRows(lab))).toEqual(
      multiset([90, 2, 59, 52].map((minutes) => attempt(NOW - minutes * MINUTE))),
    );
    expect(lab.lines.filter(({ msg }) => /clock went back/.test(String(msg)))).toHaveLength(1);
  });
});

describe('what is asked', () => {
  it('has the five fields, the sort, the token and the version', async () => {
    await start();
    const lab = labFor(console, clock, { initial_lookback: '1h', api_version: 27.0 });

    await lab.once();

    const request = console.requests.find(({ path }) => path === LIST);
    expect(request?.query.get('fields')).toBe('attempt_time,user_id,remote_ip,attempt_result,attempt_method');
    expect(request?.query.get('sort')).toBe('+attempt_time');
    expect(request?.headers).toMatchObject({ sec: TOKEN, version: '27.0' });
  });

  it('is asked by HTTP Basic with a warning that this fills the list', async () => {
    await start({ username: 'admin', password: 'a long password' });
    const lab = labFor(console, clock, { token: undefined, username: 'admin', password: 'a long password' });

    await lab.once();

    expect(console.requests.at(-1)?.headers['authorization']).toBe(`Basic ${btoa('admin:a long password')}`);
    expect(lab.lines).toMatchObject([{ level: 40, msg: expect.stringContaining('HTTP_BASIC') as string }]);
  });
});

describe('a refusal', () => {
  it.each([
    [
      'a removed version',
      422,
      { message: 'Version (3.0) from header parameter (Version) has been removed' },
      /set api_version/,
    ],
    ['a filter', 422, { code: 1010, http_response: { code: 422 } }, /refuses the filter/],
    ['a path', 404, { code: 1002 }, /Is base_url the console/],
  ])('of %s says what to do, and is asked once', async (_, status, body, advice) => {
    await start();
    console.onRequest = ({ path }) => (path === LIST ? { status, body } : undefined);
    const lab = labFor(console, clock, { retries: 5 });

    await expect(lab.once()).rejects.toThrow(advice);

    expect(asked()).toHaveLength(1);
  });

  it('of the credential ends the poll at its first request', async () => {
    await start();
    console.tokens.clear();
    const lab = labFor(console, clock, { retries: 5, resolve_users: true });

    await expect(lab.once()).rejects.toThrow(UnauthorisedError);

    expect(console.requests).toHaveLength(1);
  });
});

describe('records', () => {
  it('that do not fit are told once as pipeline errors, and stop nothing', async () => {
    const odd = ['text', null, 7, [], {}, { attempt_time: '1772452680000' }, { attempt_time: 1.5 }, 'text'];
    await start({ rows: [attempt(NOW - 40 * MINUTE), attempt(NOW - 20 * MINUTE)] });
    for (const record of odd) console.addRaw(NOW - 3 * MINUTE, record);
    const lab = labFor(console, clock, { initial_lookback: '1h', page_size: 3 });

    await lab.once();
    await lab.once();

    const kinds = lab.told
      .map(({ event }) => String(event['event.kind']))
      .toSorted((a, b) => (a < b ? -1 : 1));
    expect(kinds).toEqual(['event', 'event', ...odd.map(() => 'pipeline_error')]);
    expect(lab.told.map(({ event }) => event['event.original'])).toContain(
      '{"attempt_time":"1772452680000"}',
    );
  });

  it('keep every digit of a user id', async () => {
    await start({ rows: [attempt(NOW - 30 * MINUTE, { user_id: 9_007_199_254_740_993n })] });
    const lab = labFor(console, clock);

    await lab.once();

    expect(lab.told[0]?.event['user.id']).toBe('9007199254740993');
  });

  it('are events when an address or an enum is unknown', async () => {
    await start({
      rows: [
        attempt(NOW - 30 * MINUTE, {
          remote_ip: 'host.example',
          attempt_result: 'MAYBE',
          attempt_method: 'SAML_2 (SSO)',
        }),
        attempt(NOW - 20 * MINUTE, { remote_ip: '' }),
      ],
    });
    const lab = labFor(console, clock);

    await lab.once();

    const [odd, empty] = lab.told.map(({ event }) => event);
    expect(odd).toMatchObject({
      'event.outcome': 'unknown',
      'event.action': 'saml-2-sso',
      'source.address': 'host.example',
    });
    expect(odd).not.toHaveProperty('source.ip');
    expect(empty).not.toHaveProperty('source.address');
  });
});

describe('names', () => {
  const USERS = '/api/config/access/users';
  const usersAsked = () => console.requests.filter(({ path }) => path === USERS).length;

  it('come from the list of users, read once an hour and only for attempts that are new', async () => {
    await start({ users: [{ id: 7, username: 'anna' } as never], rows: [attempt(NOW - 3 * MINUTE)] });
    const lab = labFor(console, clock, { resolve_users: true });
    await using process = lab.start();

    await process.sweep();
    console.add([attempt(NOW - 2 * MINUTE, { user_id: 8 })]);
    await process.sweep();
    await clock.advance(HOUR);
    await process.sweep();

    expect(lab.told.map(({ event }) => event['user.name'])).toEqual(['anna', undefined]);
    expect(lab.told[0]?.event['related.user']).toEqual(['7', 'anna']);
    expect(usersAsked()).toBe(1);
  });

  it.each([403, 404, 500])(
    'are left out, with one warning, when the list of users answers %i',
    async (status) => {
      await start({ rows: [attempt(NOW - 3 * MINUTE)] });
      console.onRequest = ({ path }) => (path === USERS ? { status, body: {} } : undefined);
      const lab = labFor(console, clock, { resolve_users: true });

      await lab.once();

      expect(lab.told[0]?.event).toMatchObject({ 'user.id': '7' });
      expect(lab.lines.filter(({ msg }) => /list of users/.test(String(msg)))).toHaveLength(1);
    },
  );
});

describe('a credential that is shown one user only', () => {
  it('is warned about once per process, until a second user is seen', async () => {
    await start({ rows: [attempt(NOW - 3 * MINUTE)] });
    const lab = labFor(console, clock);
    await using process = lab.start();

    await process.sweep();
    await process.sweep();
    const first = warningsOfOwnRows(lab).length;
    console.add([attempt(NOW - 2 * MINUTE, { user_id: 8 })]);
    await lab.once();

    expect(first).toBe(1);
    expect(warningsOfOwnRows(lab)).toHaveLength(1);
  });
});
