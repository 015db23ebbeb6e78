import { expect, test } from 'vitest';
import { serve, type SimulatedAnswer } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { drive, failure, rig } from './support/rig.ts';

const SLACK = 60_000;

/** A vendor on our clock, whose next answers are dated so much off (ms), with these `Age`s (s); and a client. */
async function world(off: number[], ages: number[] = []) {
  const clock = new DrivenClock();
  const server = await serve(() => ({ status: 200, body: [] }) satisfies SimulatedAnswer, { clock });
  server.proxy.headers = () => {
    const [by = 0, age] = [off.shift(), ages.shift()];
    return {
      date: new Date(clock.now() + by).toUTCString(),
      ...(age !== undefined && { age: String(age) }),
    };
  };
  const made = await rig(server.url, { clock, options: { retries: 0 } });
  const get = (ahead: number | undefined) =>
    drive(clock, made.http.get({ path: '/x', route: 'x', clock: { ahead, tolerance: SLACK } }));
  return { ...made, server, get };
}

test('a response without a Date is used and does not change the clock', async () => {
  const { get, http, server, clock } = await world([]);
  server.script.push({ status: 200, body: [], headers: { date: '' } });
  server.proxy.headers = undefined;

  const answer = await get(5_000);

  expect(answer.clock).toBeUndefined();
  expect(answer.date).toBe(clock.now() + 5_000);
  expect(http.vendorNow()).toBe(clock.now() + 5_000);
});

test('Age is added to Date for the offset, and Date stays what it is', async () => {
  const { get, clock, http } = await world([-600_000], [600]);

  const answer = await get(0);

  expect(answer.clock).toEqual({ ahead: 0, waited: 0 });
  expect(answer.date).toBe(clock.now() - 600_000);
  expect(http.requests).toBe(1);
});

test('a request is sent at most four times when no two dates agree', async () => {
  const { get, http, clock } = await world([-1e6, -2e6, 1e6, 2e6]);
  const began = clock.now();

  const error = await failure(get(0));

  expect(error).toMatchObject({ name: 'UnavailableError', blame: 'nobody' });
  expect(http.requests).toBe(4);
  expect(clock.now() - began).toBe(3_000);
  expect(http.vendorNow()).toBe(clock.now());
});

test('two responses that agree set the clock, whatever a stream knew before', async () => {
  const { get, http, clock } = await world([1e6, -2e6, 1e6, 1e6]);
  const believed = await get(0);
  const after = await get(0);

  expect(http.requests).toBe(4);
  expect(believed.clock?.ahead).toBe(1e6);
  expect(after.clock?.ahead).toBe(1e6);
  expect(http.vendorNow()).toBe(clock.now() + 1e6);
});

test('what a stream knew of the clock is kept when unconfirmed responses differ', async () => {
  const { http, clock } = await world([-1e9]);
  http.recall(7_000);
  const before = http.vendorNow() - clock.now();

  await http.get({ path: '/x', route: 'x' });

  expect([before, http.vendorNow() - clock.now()]).toEqual([7_000, 7_000]);
});
