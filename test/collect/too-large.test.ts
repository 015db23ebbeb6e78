import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { openLab, type Lab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedEvent, distinct } from '../support/truth.ts';

const MINUTE = 60_000;
const TENANTS = [{ petraTenantId: 'T1', name: 'One', microsoftTenantId: 'm-1', isPaused: false }];

let clock: DrivenClock;
let receiver: Receiver;
let vendor: Server;
let lab: Lab | undefined;
/** What is added to every answer about the stream, in characters. */
let ballast: number;

beforeEach(async () => {
  clock = new DrivenClock('2026-03-10T12:00:00Z');
  receiver = await startReceiver({ clock });
  ballast = 10_000;
  vendor = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://vendor');
    response.setHeader('date', new Date(clock.now()).toUTCString());
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer(url)));
  }).listen(0, '127.0.0.1');
  await once(vendor, 'listening');
});

afterEach(async () => {
  await lab?.[Symbol.asyncDispose]();
  lab = undefined;
  await receiver[Symbol.asyncDispose]();
  vendor.closeAllConnections();
  vendor.close();
});

function answer({ pathname, searchParams }: URL): unknown {
  const padding = 'x'.repeat(ballast);
  if (pathname === '/v1/tenants') return { totalTenants: 1, tenants: TENANTS };
  if (pathname === '/v1/incidents') return { incidents: [], padding };
  if (pathname !== '/v1/failed-attacks')
    return [{ id: 'p_DEU', country: 'DEU', declinedReqCount: 1, padding }];
  const dateRange = { startDate: searchParams.get('startDate'), endDate: searchParams.get('endDate') };
  return {
    dateRange,
    tenant: TENANTS[0],
    totalCount: 0,
    byCountry: [],
    byDay: [],
    topTargetedUsers: [],
    padding,
  };
}

async function open(type: string, options: Record<string, unknown> = {}): Promise<Lab> {
  const base = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
  const source = { type, base_url: base, token: 'the key', max_response_bytes: 5000, ...options };
  lab = await openLab({
    clock,
    mode: 'once',
    config: { destinations: { siem: { endpoint: receiver.url } }, sources: { vendor: source } },
  });
  await lab.open();
  return lab;
}

/** One pass. Returns how it ended, and the gaps of the stream as they are then. */
async function pass(one: Lab) {
  const { polls } = await one.once();
  const gaps = await one.app.journal.gaps.of();
  await one.stop();
  await one.open();
  const spans = gaps.map(({ from, to, reason, closed }) => ({
    from,
    to,
    reason,
    open: closed === undefined,
  }));
  return { outcomes: polls.map(({ outcome }) => outcome), spans };
}

function emittedGaps() {
  const events = distinct(receiver.ids()).map(arrivedEvent);
  return events.filter((event) => event['penstock.gap.reason'] === 'answer-too-large');
}

describe('an answer above max_response_bytes', () => {
  it.each([
    ['petra-incidents', { initial_lookback: '1d' }, { from: '2026-03-09T12:00:00.000Z' }],
    [
      'petra-failed-attacks',
      { initial_lookback: '1d', intraday_interval: null },
      { from: '2026-03-09T00:00:00.000Z' },
    ],
    [
      'botbye-declined-requests',
      { account_id: 'a', project_ids: ['p'], types: ['country'] },
      { from: '2026-03-10T00:00:00.000Z' },
    ],
  ])(
    'an answer of %s above max_response_bytes fails the poll and is one gap, closed by the answer that fits',
    async (type, options, { from }) => {
      const one = await open(type, options);

      const first = await pass(one);
      clock.jump(11 * MINUTE);
      const second = await pass(one);
      ballast = 0;
      clock.jump(11 * MINUTE);
      const third = await pass(one);

      expect(first.outcomes).toEqual(['failed']);
      expect(first.spans).toMatchObject([{ from: Date.parse(from), reason: 'answer-too-large', open: true }]);
      expect(second.spans).toMatchObject([{ from: Date.parse(from), open: true }]);
      expect(third.outcomes).toEqual(['complete']);
      expect(third.spans).toMatchObject([{ from: Date.parse(from), open: false }]);
      expect(emittedGaps()).toHaveLength(1);
      expect(one.log.filter((line) => line.includes('A gap: '))).toHaveLength(1);
    },
  );
});
