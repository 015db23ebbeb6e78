import type { DestinationConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { DeliveryObserver } from '../core/observers.ts';
import type { Logger } from '../core/log.ts';
import {
  BACKLOG_FULL,
  type DestinationStore,
  isBefore,
  type MissedEvents,
  type PageStore,
  type Position,
} from '../journal/delivery.ts';
import { receivesSource, receivesTenant } from './batch.ts';
import type { InFlightBatch } from './in-flight-batch.ts';
import { eventTimeOf, pageReader, type RecordPage } from './record-page.ts';
import type { DeliveryStateMachine } from './state-machine.ts';

/** How often the backlog is measured where nothing is committed. Milliseconds. */
const MEASURE_EVERY = 60_000;

/** Pages that one commit skips. */
const MOST_PAGES = 200;

interface BacklogParts {
  readonly destination: DestinationConfig;
  readonly journal: {
    readonly pages: Pick<PageStore, 'read' | 'changed'>;
    readonly destinations: Pick<DestinationStore, 'backlogBeyond' | 'skip' | 'endGap'>;
  };
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer?: DeliveryObserver | undefined;
  readonly state: Pick<DeliveryStateMachine, 'position' | 'moveTo' | 'persist'>;
}

/**
 * Keeps the backlog of a destination within `backlog.max` while it accepts nothing. The oldest events beyond the limit
 * are skipped, and recorded as a gap in the same transaction: between requests only, so that what is in flight is never
 * skipped.
 */
export class Backlog {
  readonly #parts: BacklogParts;
  /** Whether the last gap may still grow; undefined: not known, the process before may have opened one. */
  #skipping: boolean | undefined;

  constructor(parts: BacklogParts) {
    this.#parts = parts;
  }

  /** Keeps the limit until the wait is over: at once, at each commit, and once a minute. `batch`: what is being sent. */
  async keepDuring(wait: Promise<void>, batch: InFlightBatch): Promise<void> {
    if (this.#parts.destination.backlog === undefined) return wait;
    const over = new AbortController();
    const waited = wait.finally(() => over.abort());
    // The events of a redelivery are before the position.
    await Promise.all([waited, this.#keep(batch.redelivered ? undefined : batch, over.signal)]);
  }

  /** The destination accepts events again: what is skipped later is another gap. */
  async accepted(): Promise<void> {
    const { destination, journal, clock, state } = this.#parts;
    if (destination.backlog === undefined || this.#skipping === false) return;
    await state.persist(() => journal.destinations.endGap(destination.name, clock.now()));
    this.#skipping = false;
  }

  async #keep(batch: InFlightBatch | undefined, over: AbortSignal): Promise<void> {
    const { journal, clock } = this.#parts;
    while (!over.aborted) {
      const measured = new AbortController();
      const signal = AbortSignal.any([over, measured.signal]);
      const changed = journal.pages.changed(signal);
      await this.#skipBeyond(batch, over);
      await Promise.race([changed, clock.sleep(MEASURE_EVERY, signal).catch(() => undefined)]);
      measured.abort();
    }
  }

  async #skipBeyond(batch: InFlightBatch | undefined, over: AbortSignal): Promise<void> {
    const { destination, journal, clock, state } = this.#parts;
    const { name, backlog, sources } = destination;
    if (backlog === undefined) return;
    do {
      const beyond = await state.persist(() =>
        journal.destinations.backlogBeyond(name, backlog, clock.now(), sources),
      );
      if (beyond === undefined) return;
      await this.#skipTo(beyond, batch);
    } while (!over.aborted);
  }

  /** Skips the events before a position, or a part of them. */
  async #skipTo(beyond: Position, batch: InFlightBatch | undefined): Promise<void> {
    const { destination, journal, clock, observer, state } = this.#parts;
    const { position, missed } = await this.#measure(beyond, batch);
    const deadLetters = batch?.deadLettersBefore(position) ?? [];
    const skip = { position, missed, deadLetters };
    const isNew = await state.persist(() => journal.destinations.skip(destination.name, skip, clock.now()));
    batch?.skipTo(position);
    state.moveTo(position);
    if (deadLetters.length > 0) observer?.onDeadLetters(deadLetters.length);
    if (missed === undefined) return;
    this.#skipping = true;
    observer?.onSkipped(missed.events);
    if (isNew) this.#warn(missed);
  }

  /** What the destination misses up to a position, or up to as many pages as one commit skips. */
  async #measure(
    beyond: Position,
    batch: InFlightBatch | undefined,
  ): Promise<{ position: Position; missed: MissedEvents | undefined }> {
    const { journal, state } = this.#parts;
    const settled = new Set(batch?.settledPositions.map(keyOf));
    const missing = new MissingCount();
    const read = pageReader(journal.pages);
    let { position } = state;
    for (let pages = 0; pages < MOST_PAGES && isBefore(position, beyond); pages += 1) {
      const page = await state.persist(() => read(position));
      if (page === undefined || page.sequence >= beyond.sequence) {
        return { position: beyond, missed: missing.missed };
      }
      this.#count(page, { from: position, settled, missing });
      position = { sequence: page.sequence + 1, offset: 0 };
    }
    return { position, missed: missing.missed };
  }

  #count(
    page: RecordPage,
    { from, settled, missing }: { from: Position; settled: ReadonlySet<string>; missing: MissingCount },
  ): void {
    const { destination } = this.#parts;
    if (!receivesSource(destination, page)) return;
    const { sequence, source } = page;
    page.records.forEach((stored, offset) => {
      const at = { sequence, offset };
      if (isBefore(at, from) || settled.has(keyOf(at))) return;
      if (receivesTenant(destination, stored)) missing.add(source, eventTimeOf(page, stored));
    });
  }

  #warn({ events, from, to }: MissedEvents): void {
    const { destination, log } = this.#parts;
    const gap = {
      destination: destination.name,
      reason: BACKLOG_FULL,
      events,
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
    };
    log.warn(
      { penstock: { gap } },
      'Destination accepts no events, and its backlog exceeds backlog.max: the oldest events are skipped for it until it accepts events again. `penstock gaps` lists what it misses.',
    );
  }
}

class MissingCount {
  readonly #sources = new Map<string, number>();
  #events = 0;
  #from = Infinity;
  #to = -Infinity;

  /** `at`: the event's own time, epoch ms. */
  add(source: string, at: number): void {
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1);
    this.#events += 1;
    this.#from = Math.min(this.#from, at);
    // Spans are half-open.
    this.#to = Math.max(this.#to, at + 1);
  }

  get missed(): MissedEvents | undefined {
    if (this.#events === 0) return undefined;
    const sources = Object.fromEntries(this.#sources);
    return { from: this.#from, to: this.#to, events: this.#events, sources };
  }
}

function keyOf({ sequence, offset }: Position): string {
  return `${sequence}/${offset}`;
}
