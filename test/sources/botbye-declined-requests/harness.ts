import fc from 'fast-check';
import { startBotBye } from '../../../src/simulators/botbye.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { SourceHarness } from '../harness.ts';

const TOKEN = 'token-that-nobody-may-see';
const ACCOUNT = 'acc-1';
const PROJECT = '185071d5-d4fe-4bea-93df-19d0bd8c2d0d';

/** A page is one answer, so that five types are five pages. */
export const harness: SourceHarness = {
  config: { token: TOKEN, account_id: ACCOUNT, project_ids: [PROJECT] },
  secret: TOKEN,
  now: '2026-03-02T12:00:00Z',
  start: (clock) =>
    startBotBye({
      clock,
      random: seeded(1),
      key: TOKEN,
      accountId: ACCOUNT,
      projectIds: [PROJECT],
      // Enough for some rows of each type; the contract tests start it often.
      history: 600_000,
    }),
  answer: ({ query }, { name, body }) => ({ status: 200, body: query.get('type') === name ? body : [] }),
  insert: (body, records) => [...records, ...(body as unknown[])],
  malformed: fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.dictionary(
      fc.constantFrom('id', 'declinedReqCount', 'country', 'remoteAddr', 'requestUri', 'ruleId', 'extra'),
      fc.oneof(
        fc.constantFrom(null, '', 'a', '__proto__', 'usa', '192.0.2.1', 'fe80::1%eth0', '?', -1, 7, 1.5),
        fc.jsonValue({ maxDepth: 1 }),
      ),
    ),
  ),
  odd: [
    [[0, 'projectId'], 7],
    [[0, 'remoteAddr'], 7, ['192.0.2.1'], true],
    [[0, 'country'], 7, {}, ['DEU']],
    [[0, 'requestUri'], 7],
    [[0, 'failedMessage'], { text: 'No.' }],
    [[0, 'ruleId'], 123, 2n ** 60n],
    [[0, 'ruleName'], false],
  ],
  lists: { main: [] },
  identified: {
    at: [0],
    breaks: { declinedReqCount: '7' },
    moves: [{ country: 'FRA' }, { ruleName: 'new' }],
    changes: { declinedReqCount: '8' },
  },
};
