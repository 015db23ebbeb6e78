import { untilAborted, type Clock } from '../core/clock.ts';
import type { Condition } from '../core/state.ts';
import { counted } from '../core/text.ts';
import type { Delivery } from '../deliver/loop.ts';
import type { Settled } from '../deliver/in-flight-batch.ts';
import { redeliverDeadLetters, type Redelivery, redeliverSince } from '../deliver/redelivery.ts';
import { isoTime } from '../ecs/common.ts';
import type { DestinationStore } from '../journal/delivery.ts';
import { storedReports } from '../observe/status.ts';
import type { App } from './app.ts';
import type { JobHandlers, JobOutcome, RunningJob } from './jobs.ts';

/** How often a job looks whether a destination accepts records. Milliseconds. */
const LOOK_EVERY = 1_000;

/** A job does not wait for a destination that accepted nothing for so long. Milliseconds. */
const LONGEST_OUTAGE = 60_000;

/** Why a destination accepts nothing for now, whoever delivers to it; undefined while it may. */
export async function whyNotAccepting(
  { units, journal, clock }: App,
  name: string,
): Promise<string | undefined> {
  const delivery = units.destination(name)?.delivery;
  if (delivery !== undefined) return whyPausedOrAway(delivery, clock.now());
  const { paused } = (await journal.destinations.all()).find((one) => one.name === name) ?? {};
  const { unreachable } = storedReports(await journal.states.all()).destination(name);
  return inWords(name, { paused, unreachable, now: clock.now() });
}

/** The same of a delivery of this process. */
function whyPausedOrAway({ destination: { name }, state }: Delivery, now: number): string | undefined {
  const { kind, since, reason = '' } = state;
  const paused = kind === 'paused' ? reason : undefined;
  return inWords(name, { paused, unreachable: kind === 'retrying' ? { since, reason } : undefined, now });
}

interface Outage {
  readonly paused: string | undefined;
  readonly unreachable: Condition | undefined;
  readonly now: number;
}

function inWords(name: string, { paused, unreachable, now }: Outage): string | undefined {
  if (paused !== undefined) return `Destination ${name} is paused: ${paused}`;
  if (unreachable !== undefined && now - unreachable.since >= LONGEST_OUTAGE)
    return `Destination ${name} accepts nothing: ${unreachable.reason}`;
  return undefined;
}

type ReplayPlace = NonNullable<NonNullable<RunningJob<'replay'>['before']>['place']>;

/** Sends once more what the journal still holds and a destination has passed. */
export const replay: JobHandlers['replay'] = async (job) => {
  const { app, before } = job;
  const { destination: name, from } = job.spec;
  const delivery = job.destination?.delivery;
  if (delivery === undefined) return unknownDestination(name);
  const whole = await redeliverSince(app.journal, delivery.destination, from);
  const start = before?.place ?? (await firstPlace(app.journal.destinations, name, whole));
  if (start === undefined) {
    return { code: 0, message: `The journal holds nothing that was sent to ${name} since ${isoTime(from)}.` };
  }
  let place = start;
  let events = before?.events ?? 0;
  const completed = await redeliver({
    app,
    delivery,
    signal: job.signal,
    redelivery: within(whole, start),
    onSettled({ accepted, rejected }) {
      events += accepted.length;
      const next = Math.max(place.next, ...accepted.map(({ position }) => position.sequence));
      place = { ...place, next, rejected: place.rejected + rejected.length };
    },
    note(stuck) {
      const { first, last, next } = place;
      return job.note({ done: next - first, total: last - first + 1, events, stuck, place });
    },
  });
  if (!completed) return undefined;
  const sent = `${counted(events, 'event was', 'events were')} sent to ${name} again.`;
  if (place.rejected === 0) return { code: 0, message: sent };
  return {
    code: 4,
    message: `${sent} It rejected ${counted(place.rejected, 'other', 'others')}: delivered before, or dead letters.`,
  };
};

/** Sends dead letters of a destination again. An accepted one is a dead letter no longer. */
export const retry: JobHandlers['retry'] = async (job) => {
  const { app, spec, signal } = job;
  const delivery = job.destination?.delivery;
  if (delivery === undefined) return unknownDestination(spec.destination);
  const { deadLetters } = app.journal;
  const ids = await deadLetters.ids(spec.destination);
  const total = ids.filter((id) => spec.ids === undefined || spec.ids.includes(id)).length;
  let accepted = 0;
  let rejected = 0;
  const completed = await redeliver({
    app,
    delivery,
    signal,
    redelivery: await redeliverDeadLetters(deadLetters, spec.destination, spec.ids),
    onSettled(settled) {
      accepted += settled.accepted.length;
      rejected += settled.rejected.length;
    },
    note: (stuck) => job.note({ done: accepted + rejected, total, events: accepted, stuck }),
  });
  if (!completed) return undefined;
  const message = `${accepted} of ${counted(total, 'dead letter')} accepted.`;
  if (rejected === 0) return { code: 0, message };
  return {
    code: 4,
    message: `${message} ${rejected} rejected again and kept. See: penstock dead-letters list`,
  };
};

function unknownDestination(name: string): JobOutcome {
  return { code: 2, message: `The configuration no longer has a destination ${name}.` };
}

/** From the first page that is sent to the page that the destination is at now. */
async function firstPlace(
  destinations: DestinationStore,
  destination: string,
  whole: Redelivery,
): Promise<ReplayPlace | undefined> {
  const first = (await whole.read({ sequence: 0, offset: 0 }))?.sequence;
  const own = (await destinations.all()).find(({ name }) => name === destination);
  if (first === undefined || own === undefined) return undefined;
  return { first, last: own.position.sequence, next: first, rejected: 0 };
}

/** Leaves out what was delivered since the replay began, and what an earlier process has sent of it. */
function within(whole: Redelivery, { next, last }: ReplayPlace): Redelivery {
  return {
    ...whole,
    read: async (position) => {
      const page = await whole.read(position.sequence < next ? { sequence: next, offset: 0 } : position);
      return page !== undefined && page.sequence <= last ? page : undefined;
    },
  };
}

interface RedeliveryParts {
  readonly app: App;
  readonly delivery: Delivery;
  /** Ends the redelivery. */
  readonly signal: AbortSignal;
  readonly redelivery: Redelivery;
  /** Called with what the destination accepted or rejected, when that is durable; `note` follows. */
  readonly onSettled: (settled: Settled) => void;
  /** Notes the progress, and why the destination accepts nothing. */
  readonly note: (stuck?: string) => Promise<void>;
}

/** Sends records behind live ones. Resolves with true when all are settled, with false when the signal aborted before. */
async function redeliver({
  app: { clock },
  delivery,
  signal,
  redelivery,
  onSettled,
  note,
}: RedeliveryParts): Promise<boolean> {
  const ended = new AbortController();
  const sent = delivery.redeliver({
    ...redelivery,
    read: (position) => redelivery.read(position),
    settle: async (settled) => {
      await redelivery.settle(settled);
      onSettled(settled);
      await note();
    },
  });
  const watching = noteOutages(delivery, clock, note, AbortSignal.any([signal, ended.signal]));
  try {
    return await Promise.race([
      sent.then(
        () => true,
        () => false,
      ),
      // Records that were handed over after the delivery's end would never be settled.
      untilAborted(signal).then(() => false),
      // It rejects when the state cannot be used: nobody else would hear of that before the destination answers.
      watching.then(() => false),
    ]);
  } finally {
    ended.abort();
    await watching;
  }
}

/** Notes why the destination accepts nothing, and when it accepts records again, until the signal aborts. */
async function noteOutages(
  delivery: Delivery,
  clock: Clock,
  note: (stuck?: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let noted: string | undefined;
  while (!signal.aborted) {
    const reason = whyPausedOrAway(delivery, clock.now());
    if (reason !== noted) await note(reason);
    noted = reason;
    await clock.sleep(LOOK_EVERY, signal).catch(() => undefined);
  }
}
