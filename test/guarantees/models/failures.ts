import { HTML_UNAVAILABLE, type SimulatedAnswer, throttled } from '../../../src/simulators/server.ts';
import { TIMEOUT } from './clocks.ts';

/** How any vendor may fail. */
export const FAILURES: Readonly<Record<string, SimulatedAnswer>> = {
  '429': throttled(),
  '429 with Retry-After': throttled(1),
  '500': { status: 500 },
  '503 in HTML': HTML_UNAVAILABLE,
  'a log-in page': { status: 200, body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } },
  'cut JSON': { status: 200, body: '{"data": [', headers: { 'content-type': 'application/json' } },
  'a cut body': { status: 200, body: { data: [] }, fault: 'truncate' },
  'a reset': { status: 0, fault: 'reset' },
  'a time-out': { status: 200, body: [], delay: TIMEOUT + 1_000 },
};
