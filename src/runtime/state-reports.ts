import { isDeepStrictEqual } from 'node:util';
import type { App } from './app.ts';
import { StateError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { SUBJECTS } from '../observe/status.ts';
import { currentReports } from '../observe/snapshot.ts';
import { StateLog } from './state-log.ts';

/** A change is in the state within a second. Milliseconds. */
const LOOK_EVERY = 500;

/**
 * What this process sees of its sources and destinations, noted in the state whenever it changes: `status` beside it
 * shows it, and the next process goes on with it until it knows better.
 */
export class SeenNotes {
  readonly #app: App;
  /** What is in the state, once it was looked. */
  #noted: Map<string, Json> | undefined;
  readonly #states: StateLog;

  constructor(app: App) {
    this.#app = app;
    this.#states = new StateLog(app);
  }

  /** Looks every so many milliseconds until delivering ends. Rejects with a StateError when the state cannot be used. */
  async run(lookEvery: number = LOOK_EVERY): Promise<void> {
    const { clock, delivering: signal } = this.#app;
    while (!signal.aborted) {
      await this.note();
      await clock.sleep(lookEvery, signal).catch(() => undefined);
    }
  }

  /** Notes what has changed. A disk that takes nothing now is tried again the next time. */
  async note(): Promise<void> {
    try {
      const noted = (this.#noted ??= new Map(await this.#app.journal.seen()));
      const seen = await subjects(this.#app);
      const changes = changesOf(noted, seen);
      if (changes.size > 0) {
        await this.#app.journal.noteSeen(changes);
        this.#noted = new Map(seen);
        this.#states.change();
      }
      await this.#states.look();
    } catch (error) {
      if (error instanceof StateError) throw error;
      this.#app.log.debug(
        { err: error },
        'What was seen could not be noted in the state; it is tried again.',
      );
    }
  }
}

/** What is to be written so that the state says what is seen; undefined: to be forgotten. */
function changesOf(
  noted: ReadonlyMap<string, Json>,
  seen: ReadonlyMap<string, Json>,
): ReadonlyMap<string, Json | undefined> {
  const changed = [...seen].filter(([subject, value]) => !isDeepStrictEqual(value, noted.get(subject)));
  const gone = [...noted.keys()].filter((subject) => !seen.has(subject));
  return new Map<string, Json | undefined>([
    ...changed,
    ...gone.map((subject) => [subject, undefined] as const),
  ]);
}

async function subjects(app: App): Promise<ReadonlyMap<string, Json>> {
  const { config, journal, clock } = app;
  const now = clock.now();
  const reports = currentReports(app, await journal.room(now), now);
  return new Map<string, Json>([
    ...config.sources.map(({ name }) => [SUBJECTS.source(name), plain(reports.source(name))] as const),
    ...config.destinations.map(
      ({ name }) => [SUBJECTS.destination(name), plain(reports.destination(name))] as const,
    ),
    ...(reports.reloadFailed === undefined ? [] : [[SUBJECTS.reload, plain(reports.reloadFailed)] as const]),
  ]);
}

/** As it is read again: without what is undefined. */
function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
