import { replayErrand, type Errand, type Settled } from '../deliver/redelivery.ts';
import { isoTime } from '../ecs/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { Job } from './job.ts';
import { redeliver } from './redelivery.ts';
import type { Outcome, Replay } from './wanted.ts';

/** Pages by sequence: the first and the last that are sent, and the one to go on with after a restart. */
interface Place {
  readonly first: number;
  readonly last: number;
  readonly next: number;
  /** Events that were not taken. */
  readonly refused: number;
}

/** Sends once more what the journal holds and a destination has passed. Undefined when the process is to end before. */
export async function runReplay(job: Job, { destination, from }: Replay): Promise<Outcome | undefined> {
  const { journal, deliveries, clock, delivering: signal } = job.app;
  const delivery = deliveries.find(({ destination: { name } }) => name === destination);
  if (delivery === undefined) {
    return { code: 2, message: `The configuration has no destination ${destination} any more.` };
  }
  const whole = await replayErrand(journal, delivery.destination, from);
  const place = (job.before?.place as Place | undefined) ?? (await placeOf(journal, destination, whole));
  if (place === undefined) {
    return {
      code: 0,
      message: `The journal holds nothing that ${destination} was sent from ${isoTime(from)} on.`,
    };
  }
  const replaying = new Replaying(job, place);
  const errand = within(whole, place);
  const { onSettled, note: onTrouble } = replaying;
  const ended = await redeliver({ delivery, errand, clock, signal, onSettled, onTrouble });
  return ended ? replaying.outcome(destination) : undefined;
}

async function placeOf(
  journal: Pick<Journal, 'destinations'>,
  destination: string,
  whole: Errand,
): Promise<Place | undefined> {
  const first = (await whole.read({ sequence: 0, offset: 0 }))?.sequence;
  const own = (await journal.destinations()).find(({ name }) => name === destination);
  if (first === undefined || own === undefined) return undefined;
  return { first, last: own.position.sequence, next: first, refused: 0 };
}

/** What was delivered since the replay began is no part of it, nor what an earlier process has sent of it. */
function within(whole: Errand, { next, last }: Place): Errand {
  return {
    ...whole,
    read: async (position) => {
      const page = await whole.read(position.sequence < next ? { sequence: next, offset: 0 } : position);
      return page !== undefined && page.sequence <= last ? page : undefined;
    },
  };
}

/** How far a replay has come. */
class Replaying {
  readonly #job: Job;
  #place: Place;
  #events: number;

  constructor(job: Job, place: Place) {
    this.#job = job;
    this.#place = place;
    this.#events = job.before?.events ?? 0;
  }

  readonly onSettled = async ({ taken, refused }: Settled): Promise<void> => {
    const next = Math.max(this.#place.next, ...taken.map(({ page }) => page.sequence));
    this.#events += taken.length;
    this.#place = { ...this.#place, next, refused: this.#place.refused + refused.length };
    await this.note();
  };

  readonly note = async (stuck?: string): Promise<void> => {
    const { first, last, next } = this.#place;
    const counted = { done: next - first, total: last - first + 1, events: this.#events };
    await this.#job.note({ ...counted, stuck, place: { ...this.#place } });
  };

  outcome(destination: string): Outcome {
    const sent = `${this.#events} events were sent to ${destination} again.`;
    const { refused } = this.#place;
    if (refused === 0) return { code: 0, message: sent };
    return {
      code: 4,
      message: `${sent} It rejected ${refused} others; they were delivered before, or are dead letters.`,
    };
  }
}
