import { beforeAll, describe, expect, it } from 'vitest';
import { RefusedError, ThrottledError, UnauthorisedError, UnavailableError } from '../../src/core/errors.ts';
import type { Source } from '../../src/core/source.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { drive, failure } from '../http/support/rig.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { testPipeline } from '../support/test-pipeline.ts';
import { DOCUMENTED_ERRORS, type DocumentedError, type Meaning } from './documented-errors.ts';
import { against, exampleOf, harnessOf } from './examples.ts';

const MEANINGS: Readonly<Record<Meaning, new (...args: never[]) => Error>> = {
  rejected: UnauthorisedError,
  refused: RefusedError,
  throttled: ThrottledError,
  unavailable: UnavailableError,
};

const sources = [...(await loadSources()).values()];

/** Polls the simulated vendor, which answers so once, after so many requests; then polls it again. */
async function polled(
  source: Source,
  { after, answer }: { after: number; answer?: DocumentedError['answer'] },
) {
  const { config, now, start } = await harnessOf(source);
  const clock = new DrivenClock(now);
  await using vendor = await start(clock);
  const pipeline = testPipeline({ source, vendor, clock, config });
  const scripted = Array.from({ length: after }, () => undefined);
  if (answer !== undefined) vendor.script.push(...scripted, answer(clock.now()));
  // It may fail.
  await drive(
    clock,
    pipeline.once().catch(() => undefined),
  );
  const requests = vendor.requests.length;
  // A tenant that failed is asked again then.
  if (source.id.startsWith('petra-')) await clock.advance(15 * 60_000);
  if (answer !== undefined) await drive(clock, pipeline.once());
  const ids = pipeline.events.map(({ event }) => event['event.id']);
  const uids = pipeline.events.map(({ uid }) => uid);
  return { requests, ids, uids, left: vendor.script.length };
}

it('each source type has its documented errors', () => {
  expect(Object.keys(DOCUMENTED_ERRORS).toSorted()).toEqual(sources.map(({ id }) => id).toSorted());
});

describe.each(sources.map((source) => [source.id, source] as const))('%s', (id, source) => {
  const errors = DOCUMENTED_ERRORS[id] ?? [];
  let undisturbed: Awaited<ReturnType<typeof polled>>;

  beforeAll(async () => {
    undisturbed = await polled(source, { after: 0 });
  });

  it.each(errors)('the documented error $name fails a poll as what it is', async ({ answer, meaning }) => {
    const harness = await harnessOf(source);
    const example = exampleOf(source);
    const { vendor, clock, lab } = await against(source, (request) =>
      request.path.endsWith('/token') ? harness.answer(request, example) : answer(clock.now()),
    );
    await using _ = vendor;

    expect(await failure(drive(clock, lab.once()))).toBeInstanceOf(MEANINGS[meaning]);
    expect(lab.events).toEqual([]);
  });

  it.each(errors)(
    'the documented error $name, in the middle or at the end of a poll, loses and repeats nothing',
    async ({ answer }) => {
      const places = [Math.floor(undisturbed.requests / 2), undisturbed.requests - 1];

      for (const after of new Set(places)) {
        const { ids, uids, left } = await polled(source, { after, answer });

        expect(left).toBe(0);
        expect(undisturbed.ids.filter((one) => !ids.includes(one))).toEqual([]);
        expect(new Set(uids).size).toBe(uids.length);
      }
    },
  );
});
