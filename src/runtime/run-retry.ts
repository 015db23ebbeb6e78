import type { Delivery } from '../deliver/loop.ts';
import { retryErrand, type Settled } from '../deliver/redelivery.ts';
import type { Job } from './job.ts';
import { redeliver } from './redelivery.ts';
import type { Outcome, Retry } from './wanted.ts';

/** Tries dead letters again, at all their destinations at once. Undefined when the process is to end before. */
export async function runRetry(job: Job, { destinations, ids }: Retry): Promise<Outcome | undefined> {
  const { app } = job;
  const known = app.deliveries.filter(({ destination: { name } }) => destinations.includes(name));
  const wanted = await Promise.all(known.map((delivery) => countOf(job, delivery, ids)));
  const retrying = new Retrying(
    job,
    wanted.reduce((sum, count) => sum + count, 0),
  );
  const ended = await Promise.all(known.map((delivery) => retryAt(job, delivery, ids, retrying)));
  return ended.every((whole) => whole) ? retrying.outcome() : undefined;
}

async function countOf({ app }: Job, { destination }: Delivery, ids?: readonly number[]): Promise<number> {
  const letters = await app.journal.deadLetters(destination.name);
  return letters.filter(({ id }) => ids === undefined || ids.includes(id)).length;
}

async function retryAt(
  { app }: Job,
  delivery: Delivery,
  ids: readonly number[] | undefined,
  { onSettled, note }: Retrying,
): Promise<boolean> {
  const { journal, clock, delivering: signal } = app;
  const errand = await retryErrand(journal, delivery.destination.name, ids);
  return redeliver({ delivery, errand, clock, signal, onSettled, onTrouble: note });
}

/** How far the letters have come; those of an earlier process lie there no longer, or are tried once more. */
class Retrying {
  readonly #job: Job;
  readonly #letters: number;
  #taken = 0;
  #refused = 0;

  constructor(job: Job, letters: number) {
    this.#job = job;
    this.#letters = letters;
  }

  readonly onSettled = async ({ taken, refused }: Settled): Promise<void> => {
    this.#taken += taken.length;
    this.#refused += refused.length;
    await this.note();
  };

  readonly note = async (stuck?: string): Promise<void> => {
    const done = this.#taken + this.#refused;
    await this.#job.note({ done, total: this.#letters, events: this.#taken, stuck });
  };

  outcome(): Outcome {
    const taken = `${this.#taken} of ${this.#letters} dead letters were taken.`;
    if (this.#refused === 0) return { code: 0, message: taken };
    return {
      code: 4,
      message: `${taken} ${this.#refused} were refused once more, and stay: penstock dead-letters list`,
    };
  }
}
