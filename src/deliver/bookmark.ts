import type { Position } from '../journal/journal.ts';
import { NO_ROOM } from './advice.ts';
import type { Answer } from './classify-response.ts';
import type { Conduct } from './conduct.ts';
import type { DeliveryParts } from './delivery-parts.ts';
import { describe, logFields } from './describe.ts';
import type { Load, Settlement } from './in-flight-batch.ts';

/** The warning about dead letters comes again when there are so many times as many. */
const WARN_AGAIN = 10;

/** Where a destination is in the journal. It moves only by a commit, together with the dead letters that it passes. */
export class Bookmark {
  readonly #parts: DeliveryParts;
  readonly #conduct: Conduct;
  #position: Position = { sequence: 0, offset: 0 };
  #lastAnswer = 'nothing was sent yet';
  /** Since the start. */
  #deadLetters = 0;
  #warnAt = 1;

  constructor(parts: DeliveryParts, conduct: Conduct) {
    this.#parts = parts;
    this.#conduct = conduct;
  }

  get position(): Position {
    return this.#position;
  }

  /** Opens at what is stored; returns why the destination is paused, if it is. */
  async open(): Promise<string | undefined> {
    const { journal, destination } = this.#parts;
    const all = await this.#conduct.persist(() => journal.destinations());
    const own = all.find(({ name }) => name === destination.name);
    this.#position = own?.position ?? this.#position;
    this.#lastAnswer = own?.lastAnswer ?? this.#lastAnswer;
    return own?.paused;
  }

  /** It was moved there by another commit. */
  moveTo(position: Position): void {
    this.#position = position;
  }

  /**
   * Commits how far a load is settled, and the words of the answer (undefined: none was needed). Returns how many
   * dead letters it made. Nothing is committed when the signal aborts while there is no room for them.
   */
  async advance(load: Load, answer: Answer | undefined, signal: AbortSignal): Promise<number> {
    const { journal, destination, clock } = this.#parts;
    const { position, deadLetters } = load.takeSettlement();
    if (answer === undefined && isSame(position, this.#position)) return 0;
    while (deadLetters.length > 0 && !(await this.#hasRoom())) {
      await this.#conduct.pause('The journal is at its cap, and dead letters fill most of it.', NO_ROOM);
      if (signal.aborted) return 0;
    }
    if (answer !== undefined) this.#lastAnswer = describe(answer);
    const words = this.#lastAnswer;
    await this.#conduct.persist(() =>
      journal.advance(destination.name, position, words, clock.now(), deadLetters),
    );
    this.#position = position;
    this.#warn(deadLetters);
    if (deadLetters.length > 0) this.#parts.observer?.onDeadLetters(deadLetters.length);
    return deadLetters.length;
  }

  /**
   * Whether more dead letters may be kept. A journal that is full of what waits has room for them: laying events aside
   * is what lets it move on.
   */
  async #hasRoom(): Promise<boolean> {
    const { journal, clock } = this.#parts;
    return this.#conduct.persist(async () => {
      if ((await journal.room(clock.now())) === 'free') return true;
      const { bytes } = await journal.stats();
      return (await journal.deadLetterBytes()) < bytes / 2;
    });
  }

  /** Once, and again when it is much worse: a receiver that rejects each batch would fill the log. */
  #warn(deadLetters: Settlement['deadLetters']): void {
    const [letter] = deadLetters;
    if (letter === undefined) return;
    this.#deadLetters += deadLetters.length;
    if (this.#deadLetters < this.#warnAt) return;
    this.#warnAt = this.#deadLetters * WARN_AGAIN;
    const fields = logFields({ status: letter.status, words: letter.reason });
    this.#parts.log.warn(
      { ...fields, penstock: { dead_letters: this.#deadLetters, warned_again_at: this.#warnAt } },
      'Events became dead letters: `penstock dead-letters list` shows them and why. This is said again when there are ten times as many.',
    );
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.sequence === b.sequence && a.offset === b.offset;
}
