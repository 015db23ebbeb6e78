import { requireSameDefinitions } from '../collect/same-definition.ts';
import type { Config, SourceConfig } from '../config/types.ts';
import type { Availability } from '../core/availability.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { parseSchedule, type Schedule } from '../core/schedule.ts';
import { identityOf } from '../core/stream-key.ts';
import { QuotaSpender, COURTESY } from '../http/quota.ts';
import type { Journal, JournalWriteError } from '../journal/journal.ts';
import { openJournal } from '../journal/open.ts';
import { Live } from '../observe/live.ts';
import { FairShare } from './fair-share.ts';
import { FreeHolds } from './free-holds.ts';
import { type Holds, WholeState } from './holds.ts';
import type { AppParts } from './host.ts';
import { isDaemon } from './make-units.ts';
import { Units } from './units.ts';

/** The pipeline, composed: sources and destinations over one journal. Disposing it closes them in reverse order. */
export interface App extends AsyncDisposable {
  readonly config: Config;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Which sources and destinations this process works on, and when. */
  readonly holds: Holds;
  /** What was made for those that it holds now. */
  readonly units: Units;
  readonly scheduleOf: (source: SourceConfig) => Schedule;
  readonly live: Live;
  /** Whether this process notes in the state how far it is: `run` and `once` do. */
  readonly keepsLast: boolean;
  /** Aborts when delivering must end. */
  readonly delivering: AbortSignal;
  /** Ends all its loops, as the signals in `AppParts` would. */
  abort(): void;
}

const NO_SOURCES =
  'The configuration has no source, so nothing is polled. What is queued is delivered. Add one below `sources`.';

/**
 * Opens the state and composes the pipeline of a configuration. Nothing is polled or sent yet.
 * @throws StateError when the state cannot be used, or was made for another configuration.
 */
export async function openApp(given: AppParts): Promise<App> {
  const aborted = new AbortController();
  const opening = {
    ...given,
    live: given.live ?? new Live(given.clock),
    collecting: AbortSignal.any([given.collecting, aborted.signal]),
    delivering: AbortSignal.any([given.delivering, aborted.signal]),
  };
  const { config, clock } = opening;
  await using opened = new AsyncDisposableStack();
  const journal = await openStore(opening, opened);
  const parts = { ...opening, log: namedLog(opening.log, journal) };
  const { log } = parts;
  if (config.sources.length === 0 && given.command === undefined) log.warn(NO_SOURCES);
  const spender = new QuotaSpender({ quotas: journal.quotas, clock, courtesy: COURTESY });
  const scheduleOf = schedules(parts);
  const abort = () => aborted.abort();
  const resources = opened.move();
  return {
    config,
    journal,
    clock,
    log,
    holds: holdsOf(parts, journal, abort),
    units: new Units({ ...parts, journal, spender, scheduleOf }),
    scheduleOf,
    live: parts.live,
    keepsLast: keepsLast(parts),
    delivering: parts.delivering,
    abort,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openStore(
  parts: AppParts & { readonly live: Live },
  opened: AsyncDisposableStack,
): Promise<Journal> {
  const { config, clock, log, live, instrument, mode, command = mode } = parts;
  const { replica } = config;
  let watched: Pick<Availability, 'used'> = { used: () => undefined };
  const options = {
    clock,
    log,
    command,
    replica,
    fencing: 'held',
    patience: patienceOf(parts),
    signal: parts.delivering,
    onUse: (outage?: JournalWriteError) => watched.used(outage?.message, { now: clock.now(), log }),
  } as const;
  const store = opened.use(await openJournal(config.state, options));
  // Who waits for the state to be opened says why.
  watched = live.state;
  const journal = instrument?.journal?.(store) ?? store;
  await journal.sources.open(config.sources.map(identityOf));
  await requireSameDefinitions(journal.streams, config.sources);
  await journal.destinations.open(
    config.destinations.map(({ name }) => name),
    clock.now(),
  );
  if (keepsLast(parts)) {
    await journal.compareLast();
    await journal.noteLast(clock.now());
    opened.defer(async () => {
      await journal.noteLast(clock.now());
    });
  }
  return journal;
}

/** Each line names the replica, if there may be several. */
function namedLog(log: Logger, { leases }: Journal): Logger {
  return leases === undefined ? log : log.child({ 'service.node.name': leases.replica.name });
}

/** A daemon waits for the database elsewhere, and answers probes meanwhile. */
function patienceOf(parts: AppParts): number | undefined {
  return isDaemon(parts) ? 0 : parts.patience;
}

function keepsLast(parts: AppParts): boolean {
  return isDaemon(parts) || (parts.command ?? parts.mode) === 'once';
}

/** Beside other replicas a daemon holds its share, and a command what nobody else holds. */
function holdsOf(parts: AppParts, journal: Journal, abort: () => void): Holds {
  const { leases } = journal;
  const { place } = parts.config.state;
  if (leases === undefined || place.kind !== 'postgres') return new WholeState({ journal, abort });
  const shared = { ...parts, leases, journal, lease: place.lease, abort };
  return isDaemon(parts) ? new FairShare(shared) : new FreeHolds({ ...shared, signal: parts.delivering });
}

/** The schedule of each source, made when it is needed first. */
function schedules({ random }: Pick<AppParts, 'random'>): App['scheduleOf'] {
  const made = new Map<string, Schedule>();
  return ({ name, options }) => {
    const schedule = made.get(name) ?? parseSchedule(options.schedule, options.timezone, random);
    made.set(name, schedule);
    return schedule;
  };
}
