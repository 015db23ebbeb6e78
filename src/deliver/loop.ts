import type { DestinationConfig } from '../config/types.ts';
import type { Availability } from '../core/availability.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { DeliveryObserver, DeliveryState, ResponseReport } from '../core/observers.ts';
import type { Logger } from '../core/log.ts';
import type { Condition, DestinationReport } from '../core/state.ts';
import {
  type DeadLetter,
  type DeadLetterStore,
  type DestinationStore,
  isBefore,
  type PageStore,
} from '../journal/delivery.ts';
import { type Journal, JournalWriteError, LeaseLostError } from '../journal/journal.ts';
import type { RequestMaker } from '../otlp/request.ts';
import type { Sender } from '../otlp/sender.ts';
import { Backlog } from './backlog.ts';
import { Batcher, type BatcherSettings, type BatchEntry, bytesBySource } from './batch.ts';
import {
  type ClassifiedResponse,
  classifyResponse,
  describeResponse,
  responseFields,
} from './classify-response.ts';
import { ANY_SIZE, type Effect, InFlightBatch, resized } from './in-flight-batch.ts';
import { pageReader } from './record-page.ts';
import { type Redelivery, RedeliveryQueue } from './redelivery.ts';
import { DeliveryStateMachine, type Rest } from './state-machine.ts';

/** What a delivery needs of the journal. */
export interface DeliveryJournal extends Pick<Journal, 'acknowledge' | 'room' | 'stats'> {
  readonly pages: Pick<PageStore, 'read' | 'changed'>;
  readonly destinations: Pick<DestinationStore, 'all' | 'setPaused' | 'backlogBeyond' | 'skip' | 'endGap'>;
  readonly deadLetters: Pick<DeadLetterStore, 'bytes'>;
}

export interface DeliveryParts {
  readonly destination: DestinationConfig;
  readonly journal: DeliveryJournal;
  readonly requests: RequestMaker;
  readonly sender: Pick<Sender, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long work on a journal that cannot be written is repeated, milliseconds. Default: as long as it takes. */
  readonly persistFor?: number | undefined;
  /** `data_stream.namespace` that a source or tenant sets; undefined: the destination's, else `default`. */
  readonly namespaceOf?: BatcherSettings['namespaceOf'] | undefined;
  /** The destination did not respond to the process before: since when, and why. */
  readonly unreachable?: Condition | undefined;
  readonly observer?: DeliveryObserver | undefined;
  /** Whether the journal can be used. Default: it can, or each failure is news. */
  readonly state?: Availability | undefined;
}

/** What is sent next. */
interface NextBatch {
  readonly batch: InFlightBatch;
  /** Undefined for live records, whose acknowledgement moves the position. */
  readonly redelivery?: Redelivery;
}

interface SentRequest extends Pick<ResponseReport, 'deadLetters' | 'duration' | 'at'> {
  readonly entries: readonly BatchEntry[];
}

/** The warning about dead letters is repeated when there are this many times as many. */
const WARN_AGAIN = 10;

const NO_ROOM_ADVICE =
  'Look at `penstock dead-letters list`, export and remove what is not needed, or raise `state.max_bytes`.';

/**
 * The delivery loop of one destination. One request is in flight at a time. The position and the dead letters before it
 * are committed in one transaction after every response, so that the position never passes a record that was not
 * accepted, and a repeat begins where it must.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #batcher: Batcher;
  readonly #redeliveries: RedeliveryQueue;
  readonly #state: DeliveryStateMachine;
  readonly #backlog: Backlog;
  #live: InFlightBatch | undefined;
  #requestSize = ANY_SIZE;
  #lastResponse = 'nothing was sent yet';
  /** Made since the start, and how many there are when the next warning is due. */
  #deadLetters = 0;
  #warnAt = 1;

  constructor(parts: DeliveryParts) {
    const { destination, journal, requests, namespaceOf } = parts;
    const batching: BatcherSettings = {
      read: pageReader(journal.pages),
      destination,
      requests,
      namespaceOf: (source, stored) => namespaceOf?.(source, stored) ?? destination.namespace,
    };
    this.#parts = parts;
    this.#batcher = new Batcher(batching);
    this.#redeliveries = new RedeliveryQueue(batching);
    this.#state = new DeliveryStateMachine({ ...parts, name: destination.name });
    this.#backlog = new Backlog({ ...parts, state: this.#state });
  }

  get destination(): DestinationConfig {
    return this.#parts.destination;
  }

  get state(): DeliveryState {
    return this.#state.current;
  }

  /** What the journal does not hold of the state. */
  get report(): DestinationReport {
    return this.#state.report;
  }

  /**
   * Resolves when all that is journaled by now, and every redelivery, is delivered; or the destination is paused, or
   * `run` has ended.
   */
  idle(): Promise<Rest> {
    return this.#state.nextRest();
  }

  /**
   * Sends these records too, behind live ones. Resolves when each is settled; rejects with an AbortError when `run` ends
   * before.
   */
  redeliver(redelivery: Redelivery): Promise<void> {
    const done = this.#redeliveries.add(redelivery);
    this.#state.wake();
    return done;
  }

  /**
   * Delivers until the signal aborts; a request in flight then gets a few more seconds, and its response is committed. A
   * destination that was paused is tried again at once. Ends also when the lease of the destination was lost.
   * @throws StateError when the journal cannot be used
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      this.#lastResponse = (await this.#state.open(signal)) ?? this.#lastResponse;
      while (!signal.aborted) await this.#deliverNext(signal);
    } catch (error) {
      // What could not be committed before the end is sent again at the next start, or by who holds the destination next.
      const isCut = error instanceof LeaseLostError || (error instanceof JournalWriteError && signal.aborted);
      if (!isCut) throw error;
    } finally {
      this.#redeliveries.end();
      this.#state.stop();
    }
  }

  /** One request and its response; waits when there is nothing to send. */
  async #deliverNext(signal: AbortSignal): Promise<void> {
    const { clock, sender, requests } = this.#parts;
    const woken = this.#state.wakeSignal();
    const next: NextBatch | undefined =
      (await this.#nextLive()) ?? (await this.#state.persist(() => this.#redeliveries.next(clock.now())));
    if (next === undefined) return this.#waitForWork(AbortSignal.any([signal, woken]));
    if (signal.aborted) return;
    const { batch } = next;
    const entries = this.#nextRequest(batch);
    if (entries.length === 0) return this.#finish(next);

    this.#state.beginRequest();
    const began = clock.now();
    const outcome = await sender.send(requests.request(entries), signal);
    const at = clock.now();
    const response = classifyResponse(outcome, at, entries.length);
    const effect = batch.apply(response, at, this.#requestSize);
    this.#requestSize = resized(this.#requestSize, response, effect, entries.length);
    const deadLetters = await this.#commit(next, response);
    this.#observe(batch, response, effect, { entries, deadLetters, duration: at - began, at });
    await this.#backOff(batch, response, effect);
  }

  async #nextLive(): Promise<NextBatch | undefined> {
    const { clock } = this.#parts;
    if (this.#live === undefined) {
      const batch = await this.#state.persist(() => this.#batcher.next(this.#state.position, clock.now()));
      this.#live = batch && new InFlightBatch(batch, clock.now());
    }
    return this.#live && { batch: this.#live };
  }

  /** A paused destination is tried with one record. */
  #nextRequest(batch: InFlightBatch): readonly BatchEntry[] {
    const { maxEventAge } = this.#parts.destination;
    const alone = this.#state.isPaused;
    return batch.next(this.#parts.clock.now(), { maxEventAge, alone, size: this.#requestSize });
  }

  /** The whole batch is settled. */
  async #finish(next: NextBatch): Promise<void> {
    await this.#commit(next, undefined);
    if (next.redelivery === undefined) this.#live = undefined;
    else this.#redeliveries.finishBatch();
  }

  async #waitForWork(signal: AbortSignal): Promise<void> {
    this.#state.rest();
    await this.#state.persist(() => this.#parts.journal.pages.changed(signal, this.#state.position));
  }

  /** Commits what the response settled (undefined: none was needed); returns how many dead letters that made. */
  async #commit({ batch, redelivery }: NextBatch, response: ClassifiedResponse | undefined): Promise<number> {
    if (redelivery === undefined) return this.#acknowledge(batch, response);
    const settled = batch.takeSettled();
    await this.#state.persist(() => redelivery.settle(settled));
    return settled.rejected.length;
  }

  /** Commits the position and the dead letters before it; nothing when the end comes while there is no room for them. */
  async #acknowledge(batch: InFlightBatch, response: ClassifiedResponse | undefined): Promise<number> {
    const { journal, destination, clock, observer } = this.#parts;
    const { position, deadLetters } = batch.takeAcknowledgement();
    if (response === undefined && !isBefore(this.#state.position, position)) return 0;
    while (deadLetters.length > 0 && !(await this.#hasRoomForDeadLetters())) {
      await this.#state.pause('The journal is full, mostly of dead letters', NO_ROOM_ADVICE);
      if (this.#state.isEnding) return 0;
    }
    if (response !== undefined) this.#lastResponse = describeResponse(response);
    const words = this.#lastResponse;
    await this.#state.persist(() =>
      journal.acknowledge(destination.name, { position, response: words, now: clock.now(), deadLetters }),
    );
    this.#state.moveTo(position);
    this.#warnOf(deadLetters);
    if (deadLetters.length > 0) observer?.onDeadLetters(deadLetters.length);
    return deadLetters.length;
  }

  /** A journal that is full of undelivered events has room for dead letters, since they let the position move on. */
  #hasRoomForDeadLetters(): Promise<boolean> {
    const { journal, clock } = this.#parts;
    return this.#state.persist(async () => {
      if ((await journal.room(clock.now())) === 'free') return true;
      const { bytes } = await journal.stats();
      return (await journal.deadLetters.bytes()) < bytes / 2;
    });
  }

  /** Once, and again when there are ten times as many: a receiver that rejects each batch would fill the log. */
  #warnOf(deadLetters: readonly DeadLetter[]): void {
    const [letter] = deadLetters;
    this.#deadLetters += deadLetters.length;
    if (letter === undefined || this.#deadLetters < this.#warnAt) return;
    this.#warnAt = this.#deadLetters * WARN_AGAIN;
    const penstock = { dead_letters: this.#deadLetters, warned_again_at: this.#warnAt };
    this.#parts.log.warn(
      { ...responseFields({ status: letter.status, words: letter.reason }), penstock },
      'Events became dead letters: `penstock dead-letters list` shows them and why. This is logged again when there are ten times as many.',
    );
  }

  #observe(
    { redelivered }: InFlightBatch,
    response: ClassifiedResponse,
    { delivered, rejected, continues }: Effect,
    { entries, ...request }: SentRequest,
  ): void {
    const { destination, requests, observer } = this.#parts;
    const accepted = response.kind === 'accepted' ? entries : [];
    observer?.onResponse({
      ...request,
      redelivered,
      delivered,
      rejected,
      destination: destination.name,
      kind: response.kind === 'paused' && continues ? 'rejected' : response.kind,
      status: response.status,
      accepted,
      bytes: bytesBySource(accepted, requests),
    });
  }

  /** Waits as the response asks; not at all when other records, or fewer, are sent next. */
  async #backOff(batch: InFlightBatch, response: ClassifiedResponse, effect: Effect): Promise<void> {
    if (response.kind !== 'retry') this.#state.resetBackoff();
    if (response.kind === 'accepted') {
      await this.#backlog.accepted();
      return this.#state.recover(response);
    }
    if (!effect.continues) await this.#backlog.keepDuring(this.#state.wait(response), batch);
    if (effect.stuck) await this.#lengthen(batch);
  }

  /** Adds later records to a batch that is rejected whole: one of them that is accepted proves these at fault. */
  async #lengthen(batch: InFlightBatch): Promise<void> {
    // Nothing needs to be proven for a redelivery, and what comes after its records is not next in the journal.
    if (batch.redelivered || batch.isFull) return;
    const { clock } = this.#parts;
    const more = await this.#state.persist(() => this.#batcher.next(batch.end, clock.now()));
    if (more !== undefined) batch.append(more, clock.now());
  }
}
