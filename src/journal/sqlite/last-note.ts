import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { explain } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { isBefore } from '../delivery.ts';
import type { Connection } from './connection.ts';
import type { SqliteDestinations } from './destinations.ts';
import { replaceFile, type StateFiles } from './files.ts';

const position = z.object({ sequence: z.int(), offset: z.int() });

/** `penstock.last`: how far a state was when it was written. */
const Noted = z.object({
  /** Of the last page that was committed. */
  sequence: z.int(),
  /** What each destination had answered for. */
  destinations: z.record(z.string(), position),
  /** RFC 3339. */
  written: z.string(),
});

type Noted = z.output<typeof Noted>;

/**
 * Notes beside the database how far the state is, by which a database that was restored from an older copy is known. It
 * is a note only: what it says, and whatever happens to it, is a warning at most.
 */
export class LastNote {
  readonly #connection: Connection;
  readonly #destinations: SqliteDestinations;
  readonly #files: StateFiles;
  readonly #log: Logger | undefined;
  #failing = false;

  constructor(connection: Connection, destinations: SqliteDestinations, files: StateFiles, log?: Logger) {
    this.#connection = connection;
    this.#destinations = destinations;
    this.#files = files;
    this.#log = log;
  }

  /** Warns when the state is behind what was noted of it. */
  compare(): void {
    const noted = this.#read();
    if (noted === undefined) return;
    const { sequence, destinations } = this.#current();
    const behind = Object.entries(noted.destinations).flatMap(([name, was]) => {
      const is = destinations[name];
      return is !== undefined && isBefore(is, was) ? [{ destination: name, is, was }] : [];
    });
    if (sequence >= noted.sequence && behind.length === 0) return;
    const fields = { last_sequence: { is: sequence, was: noted.sequence }, behind, noted: noted.written };
    this.#log?.warn(
      { penstock: fields },
      'The state is older than one that was used here: it was restored from a copy, or its write-ahead log was removed. What was read since is read and sent again: creations under the same ids, updates and counters under other ones. Sums of `delta` count it twice; see "Restore a copy" in the README.',
    );
  }

  /** Writes the note; false where nothing was ever committed. `now`: epoch ms. */
  write(now: number): boolean {
    try {
      const current = this.#current();
      if (current.sequence === 0) return false;
      const noted: Noted = { ...current, written: new Date(now).toISOString() };
      replaceFile(this.#files.last, `${JSON.stringify(noted)}\n`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.#log?.warn(
          { err: error },
          'How far the state is could not be noted in penstock.last; it is tried again in a minute.',
        );
      }
      this.#failing = true;
    }
    return true;
  }

  #current(): Omit<Noted, 'written'> {
    const last = this.#connection.first<{ sequence: number }>(
      "SELECT seq AS sequence FROM sqlite_sequence WHERE name = 'page'",
    );
    return {
      sequence: last?.sequence ?? 0,
      destinations: Object.fromEntries(
        this.#destinations.states().map(({ name, position: at }) => [name, at]),
      ),
    };
  }

  #read(): Noted | undefined {
    try {
      return Noted.parse(JSON.parse(readFileSync(this.#files.last, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log?.warn(
          { error: { message: explain(error) } },
          'penstock.last cannot be read: whether the state was restored from an older copy is not known.',
        );
      return undefined;
    }
  }
}
