import fc from 'fast-check';
import { HTML_UNAVAILABLE, type SimulatedAnswer, throttled } from '../../../src/simulators/server.ts';

/** A vendor fails instead of answering its next request. */
export interface Failure {
  readonly kind: 'fail';
  readonly answer: SimulatedAnswer;
}

export const failure: fc.Arbitrary<Failure> = fc.record({
  kind: fc.constant('fail' as const),
  answer: fc.constantFrom<SimulatedAnswer>(
    { status: 500 },
    HTML_UNAVAILABLE,
    throttled(1),
    { status: 200, body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } },
    { status: 200, body: '{"data": [', headers: { 'content-type': 'application/json' } },
    { status: 200, body: { data: [] }, fault: 'truncate' },
    { status: 0, fault: 'reset' },
  ),
});
