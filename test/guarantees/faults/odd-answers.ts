import {
  ACCEPTED,
  ANSWER_LOST,
  HTML_LOGIN,
  partial,
  type ReceiverAnswer,
} from '../../../src/simulators/otlp-receiver.ts';
import { HTML_UNAVAILABLE, type SimulatedAnswer, throttled } from '../../../src/simulators/server.ts';
import { DOCUMENTED_ERRORS } from '../../sources/documented-errors.ts';

const HTML = { 'content-type': 'text/html' };
const UPGRADE = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const HTTP2_SETTINGS = Buffer.from('000006040000000000000500004000', 'hex');

/** What either side may get in place of an answer: slow, cut, garbled, oversized, HTML, or no HTTP at all. */
const ODD_ANSWERS: readonly SimulatedAnswer[] = [
  { status: 200, fault: 'hang' },
  { status: 200, body: '{"data": []}', fault: 'stall' },
  { status: 503, delay: 500 },
  { status: 200, fault: 'reset' },
  { status: 200, body: '{"data": [{"id": 1}]}', fault: 'truncate' },
  { status: 200, body: 'SSH-2.0-OpenSSH_9.6\r\n', fault: 'raw' },
  { status: 200, body: HTTP2_SETTINGS, fault: 'raw' },
  { status: 200, body: UPGRADE, fault: 'raw' },
  { status: 304 },
  { status: 200, body: '{"data": [{"id": "\u0000\uFFFD' },
  { status: 200, body: 'not compressed', headers: { 'content-encoding': 'gzip' } },
  { status: 200, body: '' },
  { status: 200, body: Buffer.alloc(5_000_000, 0x20) },
  { status: 200, headers: { 'x-long': 'a'.repeat(70_000) } },
  HTML_UNAVAILABLE,
  { status: 502, body: '<html>Bad Gateway</html>', headers: HTML },
];

/** One error of each status that a vendor of a definition that is shipped documents. */
const OF_ANY_API = new Map(
  Object.values(DOCUMENTED_ERRORS)
    .flat()
    .map(({ answer }) => [answer(Date.now()).status, answer]),
);

/** What a vendor may answer in place of records: its documented errors, and what is no answer. */
export function vendorFailures(type: string): readonly SimulatedAnswer[] {
  const documented = DOCUMENTED_ERRORS[type]?.map(({ answer }) => answer) ?? [...OF_ANY_API.values()];
  return [
    ...documented.map((answer) => answer(Date.now())),
    ...ODD_ANSWERS,
    { status: 200, body: '<html>Sign in</html>', headers: HTML },
    throttled(1),
    throttled(),
  ];
}

const none = () => false;
const PROTECTED = 'status [FORBIDDEN]: action is unauthorized';

/** At least one response for each row of the table in docs/destinations/README.md. */
export const RESPONSES: readonly ReceiverAnswer[] = [
  ACCEPTED,
  ANSWER_LOST,
  { status: 204 },
  partial(0, 'slow down'),
  partial(1, 'record too old'),
  { ...partial(1_000_000, PROTECTED), take: none },
  { ...partial(2, 'status [409]: version conflict'), take: () => true },
  ...[400, 413, 422].map((status) => ({ status, words: 'record refused' })),
  // As Loki does, which keeps the others.
  { status: 400, words: 'entry has timestamp too old', take: (_record, index) => index > 0 },
  ...[401, 403, 404, 405, 406, 415, 451].map((status) => ({ status })),
  { status: 302, headers: { location: '/login' } },
  HTML_LOGIN,
  { status: 429, headers: { 'retry-after': '1' } },
  ...[408, 429, 500, 502, 503, 504, 507].map((status) => ({ status })),
  ...ODD_ANSWERS,
];
