import { backfillStream, behindLive, whyNotAgain } from '../collect/backfill.ts';
import { rewindSource } from '../collect/rewind.ts';
import type { DestinationConfig } from '../config/types.ts';
import { ConfigError, explain, StateError, VendorError } from '../core/errors.ts';
import { PollStats } from '../core/observers.ts';
import type { Backfill, CommonOptions, Scope } from '../core/source.ts';
import { counted } from '../core/text.ts';
import { isoTime } from '../ecs/common.ts';
import type { App } from './app.ts';
import { whyNotAccepting } from './destination-jobs.ts';
import type { JobHandlers, JobOutcome, JobProgress, RunningJob } from './jobs.ts';
import type { SourceUnit } from './make-units.ts';

/** A backfill pauses while more events than this wait for delivery: live events are journaled behind them. */
const MOST_WAITING = 100_000;

/** How often a backfill looks whether there is room again. Milliseconds. */
const ROOM_EVERY = 5_000;

/** How often it looks how far the destinations are, when everything was read. Milliseconds. */
const DELIVERED_EVERY = 200;

type BackfillJob = RunningJob<'backfill'>;

/** Reads a past span of a source, and waits until it is delivered. What is durable is not read again by a later process. */
export const backfill: JobHandlers['backfill'] = async (job) => {
  const { app, spec, source: unit } = job;
  const reader = unit?.context.config.definition.backfill;
  if (unit === undefined || reader === undefined) {
    return { code: 2, message: `The configuration has no source ${spec.source} that can be read again.` };
  }
  const refused = spec.again ? whyNotAgain(spec.source, unit.context.config.definition) : undefined;
  if (refused !== undefined) return { code: 2, message: refused };
  const reading = new BackfillReading(job, unit, reader);
  try {
    await reading.run();
  } catch (error) {
    if (error instanceof StateError || !unit.context.signal.aborted) throw error;
    return undefined;
  }
  const undelivered = await untilDelivered(app, spec.source, job.signal);
  return undelivered && outcomeOf(spec, reading, undelivered);
};

/** Moves a source's cursors back between two of its polls: a poll under way would commit the cursor that it began with. */
export const rewind: JobHandlers['rewind'] = async ({ app, source: unit, spec: { source, to } }) => {
  const context = unit?.context;
  if (context === undefined)
    return { code: 2, message: `The configuration no longer has a source ${source}.` };
  const others = app.config.sources.map(({ name }) => name).filter((name) => name !== source);
  try {
    const results = await context.polls.run(() =>
      rewindSource(app.journal, context.config, { to, now: app.clock.now(), others }),
    );
    return {
      code: 0,
      message: `Rewound ${counted(results.length, 'stream')} of ${source}.`,
      results: [...results],
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { code: 2, message: error.message };
  }
};

/** Reads the past of a source, stream by stream. */
class BackfillReading {
  /** What failed: at most one error for each stream. */
  readonly errors: VendorError[] = [];
  readonly #job: BackfillJob;
  readonly #unit: SourceUnit;
  readonly #reader: Backfill<CommonOptions>;
  readonly #stats = new PollStats();
  #progress: JobProgress<BackfillPlace>;

  constructor(job: BackfillJob, unit: SourceUnit, reader: Backfill<CommonOptions>) {
    this.#job = job;
    this.#unit = unit;
    this.#reader = reader;
    this.#progress = job.before ?? { done: 0, total: 0, events: 0 };
  }

  /** Events read so far, those of earlier processes included. */
  get events(): number {
    return (this.#job.before?.events ?? 0) + this.#stats.emitted;
  }

  /**
   * Resolves when everything that the vendor returns is durable. A stream that fails does not stop the others, but a
   * rejected credential does. Rejects with the signal's reason, or with what the journal throws.
   */
  async run(): Promise<void> {
    const { from, to } = this.#job.spec;
    const scopes = (await this.#attempt(() => this.#scopes())) ?? [];
    const start = this.#start(scopes);
    for (const [index, scope] of scopes.entries()) {
      if (index < start.index) continue;
      const at = index === start.index ? start.at : from;
      await this.#attempt(() => this.#read(scope, { at, index, streams: scopes.length }));
      if (this.errors.at(-1)?.status === 401) return;
    }
    const total = scopes.length * (to - from);
    await this.#job.note({ done: total, total, events: this.events });
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VendorError) || this.#unit.context.signal.aborted) throw error;
      this.errors.push(error);
      return undefined;
    }
  }

  async #scopes(): Promise<readonly Scope[]> {
    const { context } = this.#unit;
    return Array.fromAsync(this.#reader.streams({ ...context.source, http: behindLive(context) }));
  }

  /** A span that is covered is not read anyway; what `--again` reads in spite of that has its place in the progress. */
  #start(scopes: readonly Scope[]): { readonly index: number; readonly at: number } {
    const { before, spec } = this.#job;
    const index = scopes.findIndex(({ id }) => id === before?.place?.scope);
    return { index: Math.max(0, index), at: index === -1 ? spec.from : (before?.place?.at ?? spec.from) };
  }

  async #read(
    scope: Scope,
    { at: from, index, streams }: { readonly at: number; readonly index: number; readonly streams: number },
  ): Promise<void> {
    const { spec, note } = this.#job;
    const length = spec.to - spec.from;
    await backfillStream({
      context: this.#unit.context,
      backfill: this.#reader,
      scope,
      span: { from, to: spec.to },
      again: spec.again,
      stats: this.#stats,
      onPage: async (at) => {
        this.#progress = {
          done: index * length + Math.min(length, at - spec.from),
          total: streams * length,
          events: this.events,
          ...(spec.again && { place: { scope: scope.id, at } }),
        };
        await note(this.#progress);
        await this.#untilRoom();
      },
    });
  }

  /** Resolves when the journal has room, and live events would not wait behind too much of the past. */
  async #untilRoom(): Promise<void> {
    const { app, note } = this.#job;
    const { clock, signal, config } = this.#unit.context;
    const destinations = destinationsOf(app, config.name);
    let noted: string | undefined;
    while (!(await hasRoom(app, destinations))) {
      const stuck = (await reasons(app, destinations)).at(0);
      if (stuck !== undefined && stuck !== noted) await note({ ...this.#progress, stuck });
      noted = stuck;
      await clock.sleep(ROOM_EVERY, signal);
    }
    if (noted !== undefined) await note(this.#progress);
  }
}

type BackfillPlace = NonNullable<BackfillJob['before']>['place'];

function outcomeOf(
  { source, from, to }: BackfillJob['spec'],
  { errors, events }: BackfillReading,
  undelivered: readonly string[],
): JobOutcome {
  const span = `${isoTime(from)} to ${isoTime(to)}`;
  if (errors.length > 0) {
    const why = errors.map((error) => explain(error)).join(' ');
    const message = `Source ${source} could not be read completely from ${span}; ${counted(events, 'event was', 'events were')} collected. Run the same command again to read the rest. ${why}`;
    return { code: 3, message };
  }
  const read = `Source ${source} was read from ${span}: ${counted(events, 'event')}.`;
  if (undelivered.length === 0) return { code: 0, message: read };
  const message = `${read} Some are not delivered yet; the journal holds them. ${undelivered.join(' ')}`;
  return { code: 4, message };
}

async function hasRoom({ journal, clock }: App, destinations: Destinations): Promise<boolean> {
  if ((await journal.room(clock.now())) !== 'free') return false;
  const waiting = destinations.map(({ name, sources }) => journal.destinations.waiting(name, sources));
  return Math.max(0, ...(await Promise.all(waiting))) < MOST_WAITING;
}

/**
 * Waits until the destinations of a source have everything that is in the journal now, whoever delivers to them. Returns
 * why a destination accepts nothing, for each that does not; undefined when the signal aborted first.
 */
async function untilDelivered(
  app: App,
  source: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const { journal, clock } = app;
  const newest = await journal.pages.newest();
  const isDelivered = async ({ name, sources }: Destinations[number]) => {
    const { position } = (await journal.destinations.all()).find((one) => one.name === name) ?? {};
    if (position === undefined || position.sequence > newest) return true;
    return (await journal.destinations.waiting(name, sources)) === 0;
  };
  let waiting = destinationsOf(app, source);
  while (!signal.aborted) {
    const delivered = await Promise.all(waiting.map(isDelivered));
    waiting = waiting.filter((_, index) => delivered[index] !== true);
    const undelivered = await reasons(app, waiting);
    if (undelivered.length === waiting.length) return undelivered;
    await clock.sleep(DELIVERED_EVERY, signal).catch(() => undefined);
  }
  return undefined;
}

/** Why some of these destinations accept nothing. */
async function reasons(app: App, destinations: Destinations): Promise<readonly string[]> {
  const all = await Promise.all(destinations.map(({ name }) => whyNotAccepting(app, name)));
  return all.filter((reason) => reason !== undefined);
}

type Destinations = readonly DestinationConfig[];

/** The destinations that take records of a source. */
function destinationsOf({ config }: App, source: string): Destinations {
  return config.destinations.filter(({ sources }) => sources === undefined || sources.includes(source));
}
