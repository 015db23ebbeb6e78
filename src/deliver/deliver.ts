import type { Clock, Random } from '../clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import type { EcsEvent } from '../ecs/event.ts';
import type { Journal, Position } from '../journal/journal.ts';
import type { Logger } from '../telemetry/log.ts';
import { NO_ROOM, REFUSES_EVERYTHING } from './advice.ts';
import { type Answer, understand } from './answer.ts';
import { Backoff } from './backoff.ts';
import { Batcher } from './batch.ts';
import { Idle, type Rest } from './idle.ts';
import { type Effect, Load } from './load.ts';
import type { Sender } from './sender.ts';

/** What one answer came to; for metrics. */
export interface Told extends Pick<Effect, 'delivered' | 'rejected'> {
  readonly destination: string;
  readonly answer: Answer['kind'];
  readonly status: number | undefined;
  /** Events laid aside with it. */
  readonly deadLetters: number;
}

/** How a delivery stands. Times are epoch milliseconds. */
export interface Standing {
  readonly kind: 'idle' | 'sending' | 'waiting' | 'paused';
  /** Since when it has been unable to deliver (waiting, paused), or as it is. */
  readonly since: number;
  /** Why it waits or is paused. */
  readonly reason: string | undefined;
}

/** What of the journal a delivery needs. */
export type DeliveryJournal = Pick<
  Journal,
  'destinations' | 'read' | 'advance' | 'setPaused' | 'changed' | 'room'
>;

export interface DeliveryParts {
  readonly destination: DestinationConfig;
  readonly journal: DeliveryJournal;
  readonly sender: Sender;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** `data_stream.namespace` that a source or tenant sets; undefined: the destination's, else `default`. */
  readonly namespaceOf?: ((source: string, event: EcsEvent) => string | undefined) | undefined;
  readonly onAnswer?: ((told: Told) => void) | undefined;
}

/** A paused destination is tried again so often, in milliseconds. */
const PROBE_EVERY = 60_000;

/** A load that is refused whole is not made longer than this by what comes after it. */
const LONGEST_LOAD = 20_000;

/**
 * The delivery of one destination (DESIGN §2, §7): reads the journal from its position, sends, understands the answer,
 * moves the position. One request is in flight at a time; the position and the dead letters behind it are committed
 * together, after every answer, so that nothing that was not taken is passed and a repeat begins where it must.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #batcher: Batcher;
  readonly #backoff: Backoff;
  readonly #idle = new Idle();
  #position: Position = { sequence: 0, offset: 0 };
  #lastAnswer = 'nothing was sent yet';
  #paused: string | undefined;
  #advice: string | undefined;
  #standing: Standing;

  constructor(parts: DeliveryParts) {
    const { destination, journal, sender, namespaceOf } = parts;
    this.#parts = parts;
    this.#backoff = new Backoff(parts.random);
    this.#standing = { kind: 'idle', since: parts.clock.now(), reason: undefined };
    this.#batcher = new Batcher({
      journal,
      destination,
      providers: sender.providers,
      shaping: {
        profile: destination.profile,
        namespaceOf: (source, event) => namespaceOf?.(source, event) ?? destination.namespace,
      },
    });
  }

  get destination(): DestinationConfig {
    return this.#parts.destination;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Resolves when all that is journaled by now is delivered, or the destination is paused, or `run` has ended. */
  idle(): Promise<Rest> {
    return this.#idle.wait();
  }

  /**
   * Delivers until the signal aborts; a request in flight is then still awaited and its answer committed, so the
   * caller bounds the wait. A destination that was paused is tried again at once.
   * @throws StateError when the journal cannot be used
   */
  async run(signal: AbortSignal): Promise<void> {
    const { journal, destination } = this.#parts;
    try {
      const own = (await journal.destinations()).find(({ name }) => name === destination.name);
      this.#position = own?.position ?? this.#position;
      this.#lastAnswer = own?.lastAnswer ?? this.#lastAnswer;
      this.#paused = own?.paused;
      while (!signal.aborted) await this.#turn(signal);
    } finally {
      this.#idle.at('stopped');
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { journal, clock } = this.#parts;
    const asked = this.#idle.look();
    const batch = await this.#batcher.next(this.#position, clock.now());
    if (batch === undefined) {
      this.#stand('idle');
      this.#idle.at('caught-up');
      await journal.changed(AbortSignal.any([signal, asked]), this.#position);
      return;
    }
    this.#idle.busy();
    const load = new Load(batch, clock.now());
    while (!signal.aborted && (await this.#send(load, signal))) {
      // Each turn is one request and its answer.
    }
  }

  /** Sends the next request of a load; false when all of it is settled. */
  async #send(load: Load, signal: AbortSignal): Promise<boolean> {
    const { clock, sender, destination } = this.#parts;
    const alone = this.#paused !== undefined;
    const items = load.next(clock.now(), { maxEventAge: destination.maxEventAge, alone });
    if (items.length === 0) {
      await this.#commit(load, undefined, signal);
      return false;
    }
    if (this.#standing.kind === 'idle') this.#stand('sending');
    const answer = understand(await sender.send(items), clock.now());
    const effect = load.settle(answer, clock.now());
    const deadLetters = await this.#commit(load, answer, signal);
    const { delivered, rejected } = effect;
    const { kind, status } = answer;
    this.#parts.onAnswer?.({
      destination: destination.name,
      answer: kind,
      status,
      delivered,
      rejected,
      deadLetters,
    });
    await this.#follow(load, answer, effect, signal);
    return true;
  }

  /** Goes on, waits or pauses, as the answer says. */
  async #follow(load: Load, answer: Answer, effect: Effect, signal: AbortSignal): Promise<void> {
    if (answer.kind === 'wait')
      return this.#wait(answer.retryAfterMs ?? this.#backoff.next(), answer, signal);
    this.#backoff.reset();
    if (answer.kind === 'pause') return this.#pause(describe(answer), answer.whatToDo, signal);
    if (effect.stuck) {
      await this.#pause(`Everything is refused. ${describe(answer)}`, REFUSES_EVERYTHING, signal);
      return this.#lengthen(load);
    }
    if (answer.kind === 'acknowledge') await this.#goOn(answer, effect);
  }

  async #goOn(answer: Answer, { rejected }: Effect): Promise<void> {
    const { log, journal, destination, clock } = this.#parts;
    if (rejected > 0)
      log.warn(
        fields(answer),
        'Destination refused records of a request that it took; they are dead letters.',
      );
    if (this.#paused !== undefined) {
      this.#paused = undefined;
      await journal.setPaused(destination.name, undefined, clock.now());
    }
    if (this.#standing.kind === 'paused' || this.#standing.kind === 'waiting') {
      log.info(fields(answer), 'Destination takes records again.');
    }
    this.#stand('sending');
  }

  async #wait(ms: number, answer: Answer, signal: AbortSignal): Promise<void> {
    if (this.#standing.kind !== 'waiting' && this.#paused === undefined) {
      this.#parts.log.warn(
        { ...fields(answer), event: { duration: Math.round(ms * 1e6) } },
        'Destination does not take records now; they wait.',
      );
    }
    if (this.#paused === undefined) this.#stand('waiting', describe(answer));
    await this.#rest(ms, signal);
  }

  async #pause(reason: string, whatToDo: string, signal: AbortSignal): Promise<void> {
    const { log, journal, destination, clock } = this.#parts;
    // Once in this process, and again when there is something else to do: a pause that lasts is shown by `status`.
    if (this.#standing.kind !== 'paused' || this.#advice !== whatToDo) {
      log.error(
        { error: { message: reason }, penstock: { advice: whatToDo } },
        'Destination is paused; records are kept.',
      );
    }
    if (this.#paused !== reason) await journal.setPaused(destination.name, reason, clock.now());
    this.#paused = reason;
    this.#advice = whatToDo;
    this.#stand('paused', reason);
    this.#idle.at('paused');
    await this.#rest(PROBE_EVERY, signal);
    this.#idle.busy();
  }

  /** A later record may be taken where these are not, which proves them at fault. */
  async #lengthen(load: Load): Promise<void> {
    if (load.size >= LONGEST_LOAD) return;
    const more = await this.#batcher.next(load.end, this.#parts.clock.now());
    if (more !== undefined) load.append(more, this.#parts.clock.now());
  }

  /** Commits how far the load is settled, with the dead letters on the way; returns how many these are. */
  async #commit(load: Load, answer: Answer | undefined, signal: AbortSignal): Promise<number> {
    const { journal, destination, clock } = this.#parts;
    const { position, deadLetters } = load.takeSettlement();
    while (deadLetters.length > 0 && (await journal.room(clock.now())) === 'brim') {
      await this.#pause('No room for more dead letters: the journal is at its cap.', NO_ROOM, signal);
      if (signal.aborted) return 0;
    }
    if (answer === undefined && isSame(position, this.#position)) return 0;
    if (answer !== undefined) this.#lastAnswer = describe(answer);
    await journal.advance(destination.name, position, this.#lastAnswer, clock.now(), deadLetters);
    this.#position = position;
    return deadLetters.length;
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #stand(kind: Standing['kind'], reason?: string): void {
    if (this.#standing.kind === kind && this.#standing.reason === reason) return;
    const since = this.#standing.kind === kind ? this.#standing.since : this.#parts.clock.now();
    this.#standing = { kind, since, reason };
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.sequence === b.sequence && a.offset === b.offset;
}

/** An answer in one line, for people. */
function describe({ status, words }: Answer): string {
  const outcome = status === undefined ? 'no answer' : `HTTP ${status}`;
  return words === '' ? outcome : `${outcome}: ${words}`;
}

function fields(answer: Answer) {
  const { status, words } = answer;
  return {
    ...(status === undefined ? {} : { http: { response: { status_code: status } } }),
    ...(words === '' ? {} : { error: { message: words } }),
  };
}
