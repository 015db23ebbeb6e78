import { expect, it } from 'vitest';
import { Circuit } from '../../src/collect/circuit.ts';
import { UnauthorisedError } from '../../src/core/errors.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import sample from '../support/sample-source/index.ts';
import { testPipeline } from '../support/test-pipeline.ts';

const HOUR = 3_600_000;

it('a source is no longer refused when its streams are discovered again, also when it has none now', async () => {
  const clock = new DrivenClock();
  const circuit = new Circuit(undefined);
  let rejected = true;
  async function* streams() {
    if (rejected) throw new UnauthorisedError('answered 401', 'https://vendor.example.com', 401);
    yield* [];
  }
  const source = { ...sample, streams };
  const vendor = { url: 'http://127.0.0.1:9' };
  await using process = testPipeline({ source, vendor, clock, config: { token: 'the key' } }).start();

  await process.run({ circuit });
  const before = circuit.refused;
  rejected = false;
  await clock.advance(HOUR);
  await process.run({ circuit });

  expect(before).toMatchObject({ reason: 'answered 401' });
  expect(circuit.refused).toBeUndefined();
});
