import { explain } from '../core/errors.ts';
import type { EcsEvent } from '../core/event.ts';
import { Trial, TrialClock } from '../runtime/trial.ts';
import { serve } from '../simulators/server.ts';
import type { Definition } from '../sources/_declarative/definition.ts';
import { type Difference, differencesOf } from '../sources/_declarative/difference.ts';
import type { Fixture, FixturePoll } from '../sources/_declarative/fixture.ts';
import { shownEvent } from '../sources/_declarative/fixture-events.ts';
import { FixtureVendor } from '../sources/_declarative/fixture-vendor.ts';
import { sourceOf } from '../sources/_declarative/source-of.ts';

/** What a definition did with a fixture. */
export interface FixtureRun {
  /** The events that it made. */
  readonly events: readonly EcsEvent[];
  /** What it did in another way than expected: requests first, then events. */
  readonly requests: readonly Difference[];
  readonly differences: readonly Difference[];
}

/** Polls a server of this process that answers as the fixture says, with the whole pipeline up to the journal. */
export async function runFixture(definition: Definition, fixture: Fixture): Promise<FixtureRun> {
  const clock = new TrialClock(fixture.polls[0]?.now ?? 0);
  let vendor: FixtureVendor | undefined;
  await using server = await serve((request) => vendor?.answer(request) ?? { status: 500 }, { clock });
  const source = sourceOf(definition);
  const trial = new Trial({ source, options: fixture.options, server: server.url, clock });
  const requests: Difference[] = [];
  for (const poll of fixture.polls) {
    clock.set(poll.now);
    vendor = new FixtureVendor(poll);
    requests.push(...(await polled(trial, vendor, poll)));
  }
  const events = trial.events.map((event) => shownEvent(event, definition.dataset));
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
