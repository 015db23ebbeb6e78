import type { DestinationConfig } from '../config/types.ts';
import { JournalWriteError } from '../journal/sqlite/errors.ts';
import { REFUSES_EVERYTHING } from './advice.ts';
import { type Acknowledge, type Answer, understand } from './classify-response.ts';
import { Backlog } from './backlog.ts';
import { Batcher, type BatcherSettings } from './batch.ts';
import { Bookmark } from './bookmark.ts';
import { Conduct } from './conduct.ts';
import type { DestinationReport } from '../core/state.ts';
import type { DeliveryState, ResponseKind } from '../core/delivery-state.ts';
import type { DeliveryParts } from './delivery-parts.ts';
import { describe } from './describe.ts';
import type { Errand } from './redelivery.ts';
import { Errands } from './errands.ts';
import { Idle, type Rest } from './idle.ts';
import { type Effect, Load } from './in-flight-batch.ts';
import { ANY_SIZE, halved, type RequestSize, taken } from './request-size.ts';
import { bytesBySource } from './sent-bytes.ts';

/** Commits what an answer settled (undefined: what needed none); returns how many dead letters that made. */
type Commit = (answer: Answer | undefined) => Promise<number>;

/** A load that is refused whole is not made longer than this by what comes after it. */
const LONGEST_LOAD = 5_000;

/**
 * The delivery of one destination: reads the journal from its position, sends, understands the answer,
 * moves the position. One request is in flight at a time; the position and the dead letters behind it are committed
 * together, after every answer, so that nothing that was not taken is passed and a repeat begins where it must.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #batcher: Batcher;
  readonly #errands: Errands;
  readonly #conduct: Conduct;
  readonly #bookmark: Bookmark;
  readonly #backlog: Backlog;
  readonly #idle = new Idle();
  #size = ANY_SIZE;

  constructor(parts: DeliveryParts) {
    const settings = batcherSettings(parts);
    this.#parts = parts;
    this.#batcher = new Batcher(settings);
    this.#errands = new Errands(settings);
    this.#conduct = new Conduct({ ...parts, name: parts.destination.name, idle: this.#idle });
    this.#bookmark = new Bookmark(parts, this.#conduct);
    this.#backlog = new Backlog(parts, this.#bookmark, this.#conduct);
  }

  get destination(): DestinationConfig {
    return this.#parts.destination;
  }

  /** What is not in the journal of how it stands. */
  get report(): DestinationReport {
    return this.#conduct.report;
  }

  get state(): DeliveryState {
    return this.#conduct.standing;
  }

  /**
   * Resolves when all that is journaled by now, and every errand, is delivered; or the destination is paused, or
   * `run` has ended.
   */
  idle(): Promise<Rest> {
    return this.#idle.wait();
  }

  /**
   * Sends an errand's records too, behind live ones. Resolves when each is settled; rejects with an AbortError when
   * `run` ends before.
   */
  runErrand(errand: Errand): Promise<void> {
    const done = this.#errands.add(errand);
    this.#idle.nudge();
    return done;
  }

  /**
   * Delivers until the signal aborts; a request in flight is then still awaited for some seconds and its answer
   * committed. A destination that was paused is tried again at once.
   * @throws StateError when the journal cannot be used
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      this.#conduct.start(signal);
      this.#conduct.resume(await this.#bookmark.open());
      while (!signal.aborted) await this.#turn(signal);
    } catch (error) {
      // What could not be committed before the end is sent again at the next start.
      if (!(error instanceof JournalWriteError && signal.aborted)) throw error;
    } finally {
      this.#errands.end();
      this.#idle.at('stopped');
    }
  }

  /** Sends what is next: a whole load of the journal, else one request of an errand, else waits for either. */
  async #turn(signal: AbortSignal): Promise<void> {
    const { journal, clock } = this.#parts;
    const { position } = this.#bookmark;
    const asked = this.#idle.look();
    const batch = await this.#conduct.persist(() => this.#batcher.next(position, clock.now()));
    if (batch !== undefined) return this.#deliver(new Load(batch, clock.now()), signal);
    const next = await this.#conduct.persist(() => this.#errands.next(clock.now()));
    if (next !== undefined) return this.#runOn(next.load, next.errand, signal);
    this.#conduct.rest();
    this.#idle.at('caught-up');
    await this.#conduct.persist(() => journal.changed(AbortSignal.any([signal, asked]), position));
  }

  async #deliver(load: Load, signal: AbortSignal): Promise<void> {
    this.#idle.busy();
    const commit: Commit = (answer) => this.#bookmark.advance(load, answer, signal);
    while (!signal.aborted && (await this.#send(load, commit, signal))) {
      // Each turn is one request and its answer.
    }
  }

  async #runOn(load: Load, errand: Errand, signal: AbortSignal): Promise<void> {
    this.#idle.busy();
    const commit: Commit = async () => {
      const settled = load.takeSettled();
      await this.#conduct.persist(() => errand.settle(settled));
      return settled.refused.length;
    };
    const more = await this.#send(load, commit, signal);
    if (!more) this.#errands.finishLoad();
  }

  /** Sends the next request of a load and does as the answer says; false when all of it is settled. */
  async #send(load: Load, commit: Commit, signal: AbortSignal): Promise<boolean> {
    const { clock, sender, destination, observer } = this.#parts;
    const size = this.#size;
    const how = { maxEventAge: destination.maxEventAge, alone: this.#conduct.probing, size };
    const items = load.next(clock.now(), how);
    if (items.length === 0) {
      await commit(undefined);
      return false;
    }
    this.#conduct.begin();
    const began = clock.now();
    const seen = await sender.send(items, signal);
    const at = clock.now();
    const answer = understand(seen, at, items.length);
    const effect = load.settle(answer, clock.now(), size);
    this.#size = resized(size, answer, effect, items.length);
    const deadLetters = await commit(answer);
    const { delivered, rejected } = effect;
    const { status } = answer;
    const accepted = answer.kind === 'acknowledge' ? items : [];
    observer?.onResponse({
      destination: destination.name,
      kind: answer.kind === 'pause' && goesOnAtOnce(answer, effect) ? 'rejected' : KINDS[answer.kind],
      status,
      delivered,
      rejected,
      deadLetters,
      duration: at - began,
      at,
      accepted: accepted.map(({ page: { source }, lane, at: own }) => ({ source, lane, at: own })),
      bytes: bytesBySource(accepted, sender.providers, destination.protocol),
      redelivered: load.expendable,
    });
    await this.#follow(load, answer, effect);
    return true;
  }

  async #follow(load: Load, answer: Answer, effect: Effect): Promise<void> {
    if (answer.kind !== 'wait') this.#conduct.answered();
    if (answer.kind === 'acknowledge') {
      await this.#backlog.accepted();
      return this.#conduct.goOn(answer);
    }
    if (!goesOnAtOnce(answer, effect)) await this.#backlog.tend(this.#rest(answer), load);
    if (effect.stuck) await this.#lengthen(load);
  }

  #rest(answer: Exclude<Answer, Acknowledge>): Promise<void> {
    if (answer.kind === 'wait') return this.#conduct.wait(answer);
    if (answer.kind === 'pause') return this.#conduct.pause(describe(answer), answer.whatToDo);
    return this.#conduct.pause(`Everything is refused. ${describe(answer)}`, REFUSES_EVERYTHING);
  }

  /** A later record may be taken where these are not, which proves these at fault. */
  async #lengthen(load: Load): Promise<void> {
    // What comes after an errand's records is not next in the journal, and nothing has to be proven for it.
    if (load.expendable || load.size >= LONGEST_LOAD) return;
    const { clock } = this.#parts;
    const more = await this.#conduct.persist(() => this.#batcher.next(load.end, clock.now()));
    if (more !== undefined) load.append(more, clock.now());
  }
}

const KINDS = {
  acknowledge: 'accepted',
  wait: 'retry',
  pause: 'paused',
  bisect: 'rejected',
} as const satisfies Record<Answer['kind'], ResponseKind>;

/** Whether other records, or fewer, go out next, so that nothing need be waited for. */
function goesOnAtOnce(answer: Exclude<Answer, Acknowledge>, { refusal, stuck }: Effect): boolean {
  if (answer.kind === 'bisect') return !stuck;
  if (answer.kind === 'pause') return refusal !== undefined && !stuck;
  return answer.suspicion === 'unanswered' && (refusal === 'split' || refusal === 'condemned');
}

/** What an answer to so many records tells of how many may be sent at once. */
function resized(size: RequestSize, answer: Answer, { refusal }: Effect, records: number): RequestSize {
  if (answer.kind === 'acknowledge') return taken(size, records);
  if (answer.kind !== 'wait' || answer.suspicion !== 'unanswered') return size;
  // It was one record, and no matter of how many.
  if (refusal === 'condemned') return ANY_SIZE;
  return refusal === 'split' ? halved(size) : size;
}

function batcherSettings({ destination, journal, sender, namespaceOf }: DeliveryParts): BatcherSettings {
  return {
    journal,
    destination,
    providers: sender.providers,
    shaping: {
      profile: destination.profile,
      namespaceOf: (source, event) => namespaceOf?.(source, event) ?? destination.namespace,
    },
  };
}
