import { explain } from '../core/errors.ts';
import type { EcsEvent } from '../core/event.ts';
import { Trial, TrialClock } from '../runtime/trial.ts';
import { serve, type SimulatedRequest } from '../simulators/server.ts';
import type { Source } from '../core/source.ts';
import { type Difference, differencesOf } from '../sources/_declarative/difference.ts';
import type { Fixture, FixturePoll } from '../sources/_declarative/fixture.ts';
import { shownEvent } from '../sources/_declarative/fixture-events.ts';
import { FixtureVendor } from '../sources/_declarative/fixture-vendor.ts';

/** What a definition did with a fixture. */
export interface FixtureRun {
  /** The events that it made. */
  readonly events: readonly EcsEvent[];
  /** What it did in another way than expected: requests first, then events. */
  readonly requests: readonly Difference[];
  readonly differences: readonly Difference[];
}

/** Polls a server of this process that answers as the fixture says, with the whole pipeline up to the journal. */
export async function runFixture(
  source: Source,
  fixture: Fixture,
  onRequest: (request: SimulatedRequest) => void = () => undefined,
): Promise<FixtureRun> {
  const clock = new TrialClock(fixture.polls[0]?.now ?? 0);
  let vendor: FixtureVendor | undefined;
  const answer = (request: SimulatedRequest) => {
    onRequest(request);
    return vendor?.answer(request) ?? { status: 500 };
  };
  await using server = await serve(answer, { clock });
  const trial = new Trial({ source, options: fixture.options, server: server.url, clock });
  const requests: Difference[] = [];
  for (const poll of fixture.polls) {
    clock.set(poll.now);
    vendor = new FixtureVendor(poll, fixture.partial);
    requests.push(...(await polled(trial, vendor, poll)));
  }
  const events = trial.events.map((event) => shownEvent(event, source.dataset));
  return { events, requests, differences: differencesOf('events', fixture.events ?? [], events) };
}

async function polled(
  trial: Trial,
  vendor: FixtureVendor,
  { at }: FixturePoll,
): Promise<readonly Difference[]> {
  const { outcome, errors } = await trial.poll();
  vendor.end();
  if (vendor.isExhausted) return vendor.differences;
  const failures = errors.map((error) => ({ at, expected: 'a complete poll', got: explain(error) }));
  const isCut = outcome !== 'complete' && errors.length === 0;
  return [
    ...vendor.differences,
    ...failures,
    ...(isCut ? [{ at, expected: 'a complete poll', got: `a poll that ended early (${outcome})` }] : []),
  ];
}
