import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { serve, type SimulatedAnswer, type SimulatedRequest } from '../../src/simulators/server.ts';
import { startCli, workspace } from '../support/cli.ts';

/** What the chart gives the container. Bytes. */
const CONTAINER = 512 * 1_048_576;
const HEAP = { NODE_OPTIONS: '--max-old-space-size=256' };
const ROWS = 100_000;
/** Of the one large row. Bytes. */
const LARGE = 40 * 1_048_576;

const now = Date.now();
const MINUTES_AGO = now - 600_000;
const TENANT = { petraTenantId: 'ZZk90t', name: 'One', microsoftTenantId: null };

interface Vendor {
  readonly type: string;
  readonly options: string;
  /** A row of its own for each number. */
  readonly row: (number: number) => string;
  /** What is answered to whom asks for rows; undefined: something else was asked. */
  readonly body: (request: SimulatedRequest, rows: string) => string | undefined;
}

const VENDORS: readonly Vendor[] = [
  {
    type: 'qradar-login-attempts',
    options: 'settle: 0s, initial_lookback: 1h, page_size: 100000, resolve_users: false',
    row: (number) =>
      `{"attempt_time":${MINUTES_AGO + number},"user_id":${number},"remote_ip":"192.0.2.7","attempt_result":"SUCCESS","attempt_method":"LOGIN_PAGE"}`,
    body: ({ path, query }, rows) => {
      if (path !== '/api/access/login_attempts') return undefined;
      const [, from = 0, to = 0] =
        /attempt_time >= (\d+) and attempt_time < (\d+)/.exec(query.get('filter') ?? '') ?? [];
      return Number(from) <= MINUTES_AGO && MINUTES_AGO + ROWS < Number(to) ? rows : '[]';
    },
  },
  {
    type: 'petra-incidents',
    options: 'refresh_interval: 1d',
    row: (number) =>
      `{"id":"i-${number}","createdAt":"${new Date(MINUTES_AGO).toISOString()}","remediationStatus":"UNREMEDIATED","dwellTimeMinutes":1.5,"tenant":{"petraTenantId":"ZZk90t"},"user":null}`,
    body: ({ path }, rows) => (path === '/v1/incidents' ? `{"incidents":${rows}}` : undefined),
  },
  {
    type: 'petra-failed-attacks',
    options: 'initial_lookback: 1d, intraday_interval: null, revise_days: 0',
    row: (number) => `{"userPrincipalName":"user-${number}@example.com","count":${number}}`,
    body: ({ path, query }, rows) => {
      if (path !== '/v1/failed-attacks') return undefined;
      const [startDate, endDate] = [query.get('startDate'), query.get('endDate')];
      const report = {
        dateRange: { startDate, endDate },
        tenant: TENANT,
        totalCount: 7,
        byCountry: [],
        byDay: [],
      };
      return `${JSON.stringify(report).slice(0, -1)},"topTargetedUsers":${rows}}`;
    },
  },
  {
    type: 'botbye-declined-requests',
    options: 'account_id: a, project_ids: [p], types: [attack_source], edge_guard: 0s, interval_type: MONTH',
    row: (number) =>
      `{"id":"p_${number}","projectId":"p","declinedReqCount":${number},"remoteAddr":"192.0.2.7"}`,
    body: (_, rows) => rows,
  },
];

/** One `once` against a vendor with these rows; its largest resident size, and what it said. */
async function poll({ type, options, body }: Vendor, rows: string) {
  const answer = (request: SimulatedRequest): SimulatedAnswer => {
    const asked = body(request, rows);
    return { status: 200, body: asked ?? JSON.stringify({ tenants: [TENANT] }) };
  };
  await using vendor = await serve(answer, { clock: systemClock });
  await using receiver = await serve(() => ({ status: 200, body: {} }), { clock: systemClock });
  await using directory = await workspace(
    (path) => `
state: { path: ${path}/state }
destinations: { siem: { endpoint: "${receiver.url}" } }
sources:
  one: { type: ${type}, base_url: "${vendor.url}", token: a-token-of-the-test, ${options} }
log: { level: info }
`,
  );
  const { child, ended } = startCli(['once', '-c', directory.config], { env: HEAP });
  let peak = 0;
  const over = new AbortController();
  void ended.then(() => over.abort());
  while (!over.signal.aborted) {
    peak = Math.max(peak, await residentPeak(child.pid));
    // The kernel keeps the largest size itself: how often it is asked for makes no difference but at the very end.
    await sleep(20, undefined, { signal: over.signal }).catch(() => undefined);
  }
  const { code, stderr } = await ended;
  return { code, stderr, peak };
}

/** Bytes; 0 for a process that has ended. */
async function residentPeak(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
}

/** What `once` says at its end. */
function summaryOf(stderr: string): Summary {
  const lines = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { penstock?: Summary });
  const summary = lines.findLast(({ penstock }) => penstock?.undelivered !== undefined)?.penstock;
  if (summary === undefined) throw new Error(`No summary: ${stderr}`);
  return summary;
}

interface Summary {
  readonly undelivered: number;
  readonly sources: readonly { readonly new: number; readonly malformed: number }[];
}

it.each(VENDORS.map((vendor) => [vendor.type, vendor] as const))(
  '%s reads a hundred thousand rows of one answer within the memory of a small container',
  async (_, vendor) => {
    const rows = `[${Array.from({ length: ROWS }, (_, number) => vendor.row(number)).join(',')}]`;

    const { code, stderr, peak } = await poll(vendor, rows);

    expect(code, stderr).toBe(0);
    expect(summaryOf(stderr)).toMatchObject({ undelivered: 0, sources: [{ malformed: 0 }] });
    expect(Number(summaryOf(stderr).sources[0]?.new)).toBeGreaterThanOrEqual(ROWS);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(CONTAINER);
  },
);

it.each(VENDORS.map((vendor) => [vendor.type, vendor] as const))(
  '%s ships a row of 40 MiB as a pipeline error within the memory of a small container',
  async (_, vendor) => {
    const rows = `[${vendor.row(1)},{"large":"${'x'.repeat(LARGE)}"},${vendor.row(2)}]`;

    const { code, stderr, peak } = await poll(vendor, rows);

    expect(code, stderr).toBe(0);
    expect(summaryOf(stderr)).toMatchObject({ undelivered: 0, sources: [{ malformed: 1 }] });
    expect(peak).toBeLessThan(CONTAINER);
  },
);
