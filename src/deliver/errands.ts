import type { Position } from '../journal/journal.ts';
import { Batcher, type BatcherSettings } from './batch.ts';
import type { Errand } from './redelivery.ts';
import { Load } from './in-flight-batch.ts';

/** An errand under way: the load being sent, and who waits for the end. */
interface Job {
  readonly errand: Errand;
  readonly batcher: Batcher;
  position: Position;
  load: Load | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** The errands of one delivery, one after another; each as far as it has come. */
export class Errands {
  readonly #settings: BatcherSettings;
  readonly #jobs: Job[] = [];

  constructor(settings: BatcherSettings) {
    this.#settings = settings;
  }

  /** Resolves when every record of it is settled; rejects with an AbortError when the delivery ends before. */
  add(errand: Errand): Promise<void> {
    const { selection } = errand;
    const settings = {
      ...this.#settings,
      destination: { ...this.#settings.destination, ...selection },
      journal: { read: (position: Position) => errand.read(position) },
    };
    const done = Promise.withResolvers<void>();
    this.#jobs.push({
      errand,
      batcher: new Batcher(settings),
      position: { sequence: 0, offset: 0 },
      load: undefined,
      done,
    });
    return done.promise;
  }

  /** What is to be sent next for an errand; undefined when there is none. */
  async next(now: number): Promise<{ readonly load: Load; readonly errand: Errand } | undefined> {
    for (let [job] = this.#jobs; job !== undefined; [job] = this.#jobs) {
      const { load, errand } = job;
      if (load !== undefined) return { load, errand };
      const batch = await job.batcher.next(job.position, now);
      if (batch === undefined) {
        this.#jobs.shift();
        job.done.resolve();
        continue;
      }
      job.position = batch.end;
      job.load = new Load(batch, now, { expendable: true });
    }
    return undefined;
  }

  /** The load that was sent last is settled. */
  finishLoad(): void {
    const [job] = this.#jobs;
    if (job !== undefined) job.load = undefined;
  }

  /** The delivery has ended. */
  end(): void {
    const reason = new DOMException('The delivery ended before the errand did.', 'AbortError');
    for (const { done } of this.#jobs.splice(0)) done.reject(reason);
  }
}
