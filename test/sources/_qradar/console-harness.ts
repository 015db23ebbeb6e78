import fc from 'fast-check';
import { loginAttempts } from '../../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../../src/simulators/qradar.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { SourceHarness } from '../harness.ts';

const TOKEN = 'token-of-an-authorised-service';
const NOW = '2026-03-02T12:00:00Z';
const DAY = 86_400_000;

const USERS = [
  { id: 1, username: 'admin' },
  { id: 7, username: 'anna' },
];

/** A row of which nothing is sure but its names; times are none, or such as nobody asked for. */
const row = fc.record(
  {
    attempt_time: fc.oneof(fc.constantFrom(42, -1, 1.5, '1772452680000', null), fc.maxSafeInteger()),
    user_id: fc.anything({ withBigInt: false, maxDepth: 1 }).map(asJson),
    remote_ip: fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant(null)),
    attempt_result: fc.oneof(fc.string(), fc.integer(), fc.constantFrom('SUCCESS', 'FAILURE')),
    attempt_method: fc.oneof(fc.string(), fc.constantFrom('LOGIN_PAGE', 'HTTP_BASIC')),
  },
  { requiredKeys: [] },
);

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value) ?? 'null');
}

export function consoleHarness(vendor: 'qradar' | 'jsa'): SourceHarness {
  return {
    config: { token: TOKEN, page_size: 40, initial_lookback: '2d' },
    secret: TOKEN,
    now: NOW,
    start: (clock) =>
      startConsole({
        clock,
        vendor,
        token: TOKEN,
        rows: loginAttempts({
          random: seeded(3),
          count: 300,
          from: clock.now() - DAY,
          to: clock.now(),
        }),
      }),
    answer: ({ path }, { body }) => {
      if (path === '/api/access/login_attempts') return { status: 200, body };
      return path === '/api/config/access/users' ? { status: 200, body: USERS } : { status: 404, body: {} };
    },
    insert: (body, records) => [...(body as unknown[]), ...records],
    malformed: fc.oneof(row, fc.jsonValue()),
    odd: [
      [[0, 'user_id'], 1.5, {}, [7], true],
      [[0, 'remote_ip'], 7, {}, false],
      [[0, 'attempt_result'], 7, true, ['SUCCESS']],
      [[0, 'attempt_method'], 7, {}],
    ],
    lists: { main: [] },
  };
}
