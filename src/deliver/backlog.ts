import { BACKLOG_FULL, type MissedEvents } from '../journal/backlog.ts';
import type { JournalPage, Position } from '../journal/journal.ts';
import { isBefore } from '../journal/position.ts';
import { takesSource, takesTenant, timeOf } from './batch.ts';
import type { Bookmark } from './bookmark.ts';
import type { Conduct } from './conduct.ts';
import type { DeliveryParts } from './delivery-parts.ts';
import type { Load } from './in-flight-batch.ts';

/** The age of what waits is looked at this often, where nothing is committed. Milliseconds. */
const LOOK_EVERY = 60_000;

/** So many pages are skipped by one commit. */
const MOST_PAGES = 200;

/**
 * Keeps what waits for a destination within `backlog.max` while it accepts nothing: the oldest events beyond it are skipped,
 * and recorded as a gap in the same transaction. Only between requests, so that what is in flight is never skipped.
 */
export class Backlog {
  readonly #parts: DeliveryParts;
  readonly #bookmark: Bookmark;
  readonly #conduct: Conduct;
  /** Whether the last gap may still grow; undefined: not known, the process before may have begun one. */
  #skipping: boolean | undefined;

  constructor(parts: DeliveryParts, bookmark: Bookmark, conduct: Conduct) {
    this.#parts = parts;
    this.#bookmark = bookmark;
    this.#conduct = conduct;
  }

  /** Keeps the limit until the rest is over: at once, at each commit, and once a minute. `load`: what is being sent. */
  async tend(rest: Promise<void>, load: Load): Promise<void> {
    if (this.#parts.destination.backlog === undefined) return rest;
    const over = new AbortController();
    const rested = rest.finally(() => over.abort());
    // A replay's events are in the journal before the position.
    await Promise.all([rested, this.#keepLimit(load.expendable ? undefined : load, over.signal)]);
  }

  /** The destination accepts events again. */
  async accepted(): Promise<void> {
    const { destination, journal, clock } = this.#parts;
    if (destination.backlog === undefined || this.#skipping === false) return;
    await this.#conduct.persist(() => journal.endGap(destination.name, clock.now()));
    this.#skipping = false;
  }

  async #keepLimit(load: Load | undefined, over: AbortSignal): Promise<void> {
    const { journal, clock } = this.#parts;
    while (!over.aborted) {
      const looked = new AbortController();
      const signal = AbortSignal.any([over, looked.signal]);
      const changed = journal.changed(signal);
      await this.#skipBeyond(load, over);
      await Promise.race([changed, clock.sleep(LOOK_EVERY, signal).catch(() => undefined)]);
      looked.abort();
    }
  }

  async #skipBeyond(load: Load | undefined, over: AbortSignal): Promise<void> {
    const { destination, journal, clock } = this.#parts;
    const { name, backlog, sources } = destination;
    if (backlog === undefined) return;
    do {
      const beyond = await this.#conduct.persist(() =>
        journal.backlogBeyond(name, backlog, clock.now(), sources),
      );
      if (beyond === undefined) return;
      await this.#skipTo(beyond, load);
    } while (!over.aborted);
  }

  /** Passes over the events before a position, or over a part of them. */
  async #skipTo(beyond: Position, load: Load | undefined): Promise<void> {
    const { destination, journal, clock, observer } = this.#parts;
    const { position, missed } = await this.#measure(beyond, load);
    const deadLetters = load?.lettersBefore(position) ?? [];
    const skip = { position, missed, deadLetters };
    const isNew = await this.#conduct.persist(() => journal.skip(destination.name, skip, clock.now()));
    load?.skipTo(position);
    this.#bookmark.moveTo(position);
    if (deadLetters.length > 0) observer?.onDeadLetters(deadLetters.length);
    if (missed === undefined) return;
    this.#skipping = true;
    observer?.onSkipped(missed.events);
    if (isNew) this.#warn(missed);
  }

  /** What the destination misses up to a position, or up to as many pages as one commit skips. */
  async #measure(
    beyond: Position,
    load: Load | undefined,
  ): Promise<{ position: Position; missed: MissedEvents | undefined }> {
    const settled = new Set(load?.settledPositions.map(keyOf));
    const missing = new Missing();
    let { position } = this.#bookmark;
    for (let pages = 0; pages < MOST_PAGES && isBefore(position, beyond); pages += 1) {
      const page = await this.#conduct.persist(() => this.#parts.journal.read(position));
      if (page === undefined || page.sequence >= beyond.sequence)
        return { position: beyond, missed: missing.missed };
      this.#count(page, { from: position, settled, missing });
      position = { sequence: page.sequence + 1, offset: 0 };
    }
    return { position, missed: missing.missed };
  }

  #count(
    page: JournalPage,
    { from, settled, missing }: { from: Position; settled: ReadonlySet<string>; missing: Missing },
  ): void {
    const { destination } = this.#parts;
    if (!takesSource(destination, page)) return;
    const { sequence, source } = page;
    page.events.forEach((journaled, offset) => {
      const at = { sequence, offset };
      if (isBefore(at, from) || settled.has(keyOf(at))) return;
      if (takesTenant(destination, journaled.event)) missing.add(source, timeOf(journaled, page));
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

/** Adds up events that are missed. */
class Missing {
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
