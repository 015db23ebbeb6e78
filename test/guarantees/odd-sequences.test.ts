import { expect, it } from 'vitest';
import {
  ACCEPTED,
  ANSWER_LOST,
  HTML_LOGIN,
  partial,
  type ReceiverAnswer,
} from '../../src/simulators/otlp-receiver.ts';
import { pick, seeded } from '../../src/simulators/seeded.ts';
import { HTML_UNAVAILABLE, type SimulatedAnswer, throttled } from '../../src/simulators/server.ts';
import { openStage } from './lives.ts';
import { SUBJECTS } from './subjects.ts';

const LIVES = 6;

/** What a vendor answers instead of an answer. */
const VENDOR: readonly (SimulatedAnswer | undefined)[] = [
  undefined,
  undefined,
  throttled(1),
  throttled(),
  { status: 500, body: { message: 'Internal Server Error' } },
  { status: 502, body: '<html>Bad Gateway</html>', headers: { 'content-type': 'text/html' } },
  HTML_UNAVAILABLE,
  { status: 200, body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } },
  { status: 200, body: '{"data": [', fault: 'truncate' },
  { status: 200, body: '{"data": [{"id": "\u0000\uFFFD' },
  { status: 200, body: '' },
  { status: 0, fault: 'reset' },
  { status: 200, body: '[]', fault: 'stall' },
];

/** What a receiver answers instead of a plain success. Nothing is refused for good: every record must arrive. */
const RECEIVER: readonly ReceiverAnswer[] = [
  ACCEPTED,
  ACCEPTED,
  ANSWER_LOST,
  HTML_LOGIN,
  partial(0, 'slow down'),
  { status: 408 },
  { status: 429, headers: { 'retry-after': '1' } },
  { status: 500 },
  { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' },
  { status: 503, fault: 'reset' },
  { status: 504 },
  { ...ACCEPTED, fault: 'truncate' },
];

it.each([1, 2])(
  'random sequences of failures on both sides lose nothing and send nothing as new, for every source (seed %i)',
  async (seed) => {
    const random = seeded(seed);
    await using stage = await openStage(SUBJECTS, { random, source: { timeout: '2s', retries: 1 } });
    stage.receiver.answer = () => pick(random, RECEIVER);

    for (let life = 0; life < LIVES; life += 1) {
      for (const { simulator, happen } of stage.vendors) {
        simulator.script.push(...Array.from({ length: 4 }, () => pick(random, VENDOR)));
        happen();
      }
      const { code, stderr } = await stage.start(['once', '--deadline', '8s']).ended;
      expect([0, 3, 4], stderr).toContain(code);
    }
    for (const { simulator } of stage.vendors) simulator.script.length = 0;
    stage.receiver.answer = () => ACCEPTED;
    for (let pass = 0; pass < 10 && (pass === 0 || stage.compare().lost > 0); pass += 1)
      await stage.start(['once']).ended;

    expect(stage.compare()).toEqual({ lost: 0, asNew: 0 });
    const copies = [...stage.receiver.ids().values()];
    const different = copies.filter(([first, ...more]) =>
      more.some(({ bytes }) => !Buffer.from(bytes).equals(first?.bytes ?? Buffer.of())),
    );
    expect(different).toEqual([]);
  },
);
