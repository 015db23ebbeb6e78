import { describe, expect, it } from 'vitest';
import type { SimulatedRequest } from '../../../src/simulators/server.ts';
import { pollsAtOnce, windowsAboveLimit } from './polls.ts';
import { faultsOf, lacking } from './judge.ts';
import { startWorld } from './world.ts';

function request(replica: string, at: number, ended?: number): SimulatedRequest {
  return {
    method: 'GET',
    path: '/',
    query: new URLSearchParams(),
    headers: { 'x-replica': replica },
    body: Buffer.alloc(0),
    at,
    ...(ended !== undefined && { ended }),
  };
}

function asked(limit: number, ...requests: readonly SimulatedRequest[]) {
  return { source: 'console', requests, limit: { requests: limit, per: 100 } };
}

describe('polls of two processes', () => {
  it.each([
    { name: 'one after the other', second: request('b', 10, 20), faults: 0 },
    { name: 'of the same process', second: request('a', 5, 20), faults: 0 },
    { name: 'while the first is under way', second: request('b', 9, 20), faults: 1 },
  ])('$name: $faults faults', ({ second, faults }) => {
    expect(pollsAtOnce(asked(9, request('a', 0, 10), second))).toHaveLength(faults);
  });

  it('a request that was never answered is under way for ever', () => {
    expect(pollsAtOnce(asked(9, request('a', 0), request('b', 500, 510)))).toHaveLength(1);
  });
});

describe('a sliding window', () => {
  it.each([
    { times: [0, 1, 100], faults: 0 },
    { times: [0, 50, 99], faults: 1 },
    { times: [0, 1, 2, 3], faults: 2 },
  ])('a limit of 2 in 100 ms and requests at $times: $faults faults', ({ times, faults }) => {
    expect(windowsAboveLimit(asked(2, ...times.map((at) => request('a', at))))).toHaveLength(faults);
  });
});

describe('a world that nobody reads', () => {
  it('is lost as a whole', async () => {
    await using world = await startWorld({ seed: 1, rows: 20, perMinute: 1 });
    await world.calmDown();
    const [siem] = world.destinations.values();
    if (siem === undefined) throw new Error('a world has destinations');

    expect(lacking(world, siem)).toBeGreaterThan(300);
    expect(faultsOf(world)).toHaveLength(2 * lacking(world, siem));
  });
});

/** Sends a destination one log-in, as OTLP in JSON. */
async function send(url: string, uid: string, body: string): Promise<void> {
  const attributes = {
    'log.record.uid': uid,
    'event.dataset': 'qradar.login_attempts',
    'event.module': 'qradar',
  };
  const record = {
    body: { stringValue: body },
    attributes: Object.entries(attributes).map(([key, text]) => ({ key, value: { stringValue: text } })),
  };
  const { status } = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
  });
  expect(status).toBe(200);
}

describe('a destination that received what no vendor has', () => {
  it('has it as something new, and a repeat under its id with other bytes is a fault', async () => {
    await using world = await startWorld({ seed: 1, rows: 0, perMinute: 1, trouble: false });
    await world.calmDown();
    const [name = '', siem] = [...world.destinations][0] ?? [];
    const url = siem?.url ?? '';

    await send(url, 'a', 'first');
    await send(url, 'a', 'first');
    await send(url, 'a', 'other');

    const faults = faultsOf(world).filter((fault) => fault.startsWith(name) && !fault.includes('lost'));
    expect(faults).toEqual([
      expect.stringContaining('as something new'),
      `${name}: a repeat of a is not the same to the byte`,
    ]);
  });
});
