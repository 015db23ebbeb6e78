import { describe, expect, test } from 'vitest';
import {
  OutOfBudgetError,
  RefusedError,
  ThrottledError,
  TimedOutError,
  TooLargeError,
  UnauthorisedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../../src/core/errors.ts';
import type { SourceContext } from '../../../src/core/source.ts';
import { readableLog } from '../../http/support/rig.ts';
import { chosenTenants, concernsTenant, TenantDirectory } from '../../../src/sources/_kit/tenants.ts';

const LISTED = [
  { id: 'b', otherId: 'ms-b', name: 'B' },
  { id: 'a', name: 'A' },
  { id: 'c', otherId: 'ms-c' },
];

test('without a choice all tenants are read, in the order of their ids', () => {
  expect(chosenTenants(LISTED, { only: undefined })).toEqual([
    { id: 'a', ids: ['a'], name: 'A', listed: true },
    { id: 'b', ids: ['b', 'ms-b'], name: 'B', listed: true },
    { id: 'c', ids: ['c', 'ms-c'], name: undefined, listed: true },
  ]);
});

test('a tenant may be chosen by any of its ids, is read once, and keeps an id that is not listed', () => {
  expect(chosenTenants(LISTED, { only: ['ms-b', 'gone', 'b'] })).toEqual([
    { id: 'b', ids: ['b', 'ms-b'], name: 'B', listed: true },
    { id: 'gone', ids: ['gone'], name: undefined, listed: false },
  ]);
});

/** A directory whose list is answered by this script, and a context for it. */
function directory(...script: readonly (string | Error)[]) {
  const answers = [...script];
  const { log, lines } = readableLog();
  const clock = { now: 1_000_000 };
  const context = { memo: new Map(), now: () => clock.now, log } as unknown as SourceContext<unknown>;
  const tenants = new TenantDirectory('tenants', 600_000, async () => {
    const answer = answers.shift() ?? new Error('asked too often');
    if (answer instanceof Error) throw answer;
    return { tenants: [{ id: answer }], date: clock.now };
  });
  return { read: () => tenants.read(context), clock, lines };
}

describe('the list of tenants', () => {
  test('it is asked for again after its life', async () => {
    const { read, clock } = directory('one', 'two');

    expect([await read(), await read()]).toEqual([[{ id: 'one' }], [{ id: 'one' }]]);
    clock.now += 600_000;
    expect(await read()).toEqual([{ id: 'two' }]);
  });

  test('during an outage the last known list is used, and the log says so', async () => {
    const { read, clock, lines } = directory('one', new UnavailableError('away', 'https://v'), 'two');
    await read();
    clock.now += 600_000;

    expect(await read()).toEqual([{ id: 'one' }]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      expect.stringContaining('the last known list is used') as string,
    ]);
    expect(await read()).toEqual([{ id: 'two' }]);
  });

  test('an outage before the first list, and a refusal at any time, are errors', async () => {
    const away = directory(new UnavailableError('away', 'https://v'));
    await expect(away.read()).rejects.toThrow('away');

    const refused = directory('one', new UnauthorisedError('no', 'https://v', 401));
    await refused.read();
    refused.clock.now += 600_000;
    await expect(refused.read()).rejects.toThrow('no');
  });
});

test.each([
  [new UnauthorisedError('', '', 403), 'alone'],
  [new UnauthorisedError('', '', 401), undefined],
  [new RefusedError('', '', 404, ''), 'alone'],
  [new TooLargeError('', '', 200), 'alone'],
  [new UnavailableError('', '', 503), 'doubtful'],
  [new TimedOutError('', ''), 'doubtful'],
  [new UnexpectedAnswerError('', ''), 'doubtful'],
  [new ThrottledError('', '', 0), undefined],
  [new OutOfBudgetError(''), undefined],
  [new Error('a bug'), undefined],
])('%s of one tenant: %s', (error, concern) => {
  expect(concernsTenant(error)).toBe(concern);
});
