import { Circuit } from '../collect/circuit.ts';
import { type CollectContext, type HttpParts, openHttp, sourceContext } from '../collect/context.ts';
import { requireSameDefinitions } from '../collect/same-definition.ts';
import { resourceAttributes } from '../config/otel-environment.ts';
import { namespaceOf } from '../config/options.ts';
import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { DeliveryObserver, ResponseReport, CollectObserver, PollStats } from '../core/observers.ts';
import type { Logger } from '../core/log.ts';
import { Mutex } from '../core/mutex.ts';
import { parseSchedule, type Schedule } from '../core/schedule.ts';
import type { CommonOptions, SourceContext } from '../core/source.ts';
import { identityOf } from '../core/stream-key.ts';
import { Delivery } from '../deliver/loop.ts';
import type { SourceHttp } from '../http/client.ts';
import { QuotaSpender, COURTESY } from '../http/quota.ts';
import { bareUrl, destinationExposure, warnOfExposure } from '../http/way.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournal } from '../journal/open.ts';
import { Live } from '../observe/live.ts';
import { type Reports, storedReports } from '../observe/status.ts';
import { attributesOf } from '../otlp/decode.ts';
import { RecordEncoder } from '../otlp/encode.ts';
import { RequestMaker } from '../otlp/request.ts';
import { Sender } from '../otlp/sender.ts';

/** What the process gives the runtime. A test gives its own clock, randomness, environment and signals. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** When the process started, epoch ms: deadlines count from it. */
  readonly startedAt: number;
  /** Aborts at SIGTERM or SIGINT, and when nobody reads stdout any more. */
  readonly stop: AbortSignal;
  /** How many writes to stderr failed, where that can be known. */
  readonly lostLogLines?: () => number;
  /** Calls the listener at each SIGHUP, which ends the process while nobody listens. Disposing stops listening. */
  readonly onReload?: (listener: () => void) => Disposable;
  /** Wraps what the app makes, for a test that watches or kills it at an exact step. */
  readonly instrument?: {
    readonly journal?: (journal: Journal) => Journal;
    readonly http?: (http: SourceHttp) => SourceHttp;
    readonly sender?: (sender: Sender) => Sender;
  };
}

/** What the pipeline of one configuration is made of. */
export interface AppParts extends Pick<Host, 'env' | 'clock' | 'random' | 'instrument'> {
  readonly config: Config;
  readonly log: Logger;
  readonly mode: SourceContext<CommonOptions>['mode'];
  /** The command of this process, for others that want the state. Default: its mode. */
  readonly command?: string;
  /** Ends collecting: a stop or a deadline. */
  readonly collecting: AbortSignal;
  /** Ends delivering. */
  readonly delivering: AbortSignal;
  /** Called with what each durable page of a source added. */
  readonly onPage?: (source: string, added: PollStats) => void;
  /** Called with each response of a destination. */
  readonly onResponse?: (report: ResponseReport) => void;
  /** What this process has observed so far; kept over a reload. Default: nothing. */
  readonly live?: Live;
}

/** One source, ready to be polled. */
export interface SourceUnit {
  readonly context: CollectContext;
  readonly schedule: Schedule;
}

/** The pipeline, composed: sources and destinations over one journal. Disposing it closes them in reverse order. */
export interface App extends AsyncDisposable {
  readonly config: Config;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sources: readonly SourceUnit[];
  readonly deliveries: readonly Delivery[];
  readonly live: Live;
  /** Whether this process notes in the state how far it is: `run` and `once` do. */
  readonly keepsLast: boolean;
  /** Aborts when delivering must end. */
  readonly delivering: AbortSignal;
  /** Ends all its loops, as the signals in `AppParts` would. */
  abort(): void;
}

/**
 * Opens the state and composes the pipeline of a configuration. Nothing is polled or sent yet.
 * @throws StateError when the state cannot be used, or was made for another configuration.
 */
export async function openApp(given: AppParts): Promise<App> {
  const aborted = new AbortController();
  const parts = {
    ...given,
    live: given.live ?? new Live(given.clock),
    collecting: AbortSignal.any([given.collecting, aborted.signal]),
    delivering: AbortSignal.any([given.delivering, aborted.signal]),
  };
  const { config, clock, log } = parts;
  await using opened = new AsyncDisposableStack();
  const journal = await openStore(parts, opened);
  const spender = new QuotaSpender({ quotas: journal.quotas, clock, courtesy: COURTESY });
  const before = storedReports(await journal.states.all());
  const sources = config.sources.map((source) =>
    openSource({ ...parts, journal, spender, opened, before }, source),
  );
  const deliveries = config.destinations.map((destination) =>
    openDelivery({ ...parts, journal, opened, before }, destination),
  );
  const resources = opened.move();
  return {
    config,
    journal,
    clock,
    log,
    sources,
    deliveries,
    live: parts.live,
    keepsLast: keepsLast(parts),
    delivering: parts.delivering,
    abort: () => aborted.abort(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openStore(parts: AppParts, opened: AsyncDisposableStack): Promise<Journal> {
  const { config, clock, log, instrument, mode, command = mode } = parts;
  const store = opened.use(await openJournal(config.state, { clock, log, command }));
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

/** A command does not wait for a full disk: its next run continues where this one ended. Milliseconds. */
const PERSIST_FOR = 10_000;

function isDaemon({ mode, command = mode }: AppParts): boolean {
  return command === 'run';
}

function keepsLast(parts: AppParts): boolean {
  return isDaemon(parts) || (parts.command ?? parts.mode) === 'once';
}

interface Shared extends AppParts {
  readonly live: Live;
  readonly journal: Journal;
  readonly spender: QuotaSpender;
  readonly opened: AsyncDisposableStack;
  /** What the previous process wrote to the state. */
  readonly before: Reports;
}

function openSource(shared: Shared, config: SourceConfig): SourceUnit {
  const { clock, random, env, mode, journal, spender, opened, instrument, live, before } = shared;
  const { options } = config;
  const signal = shared.collecting;
  const log = shared.log.child({ penstock: { source: config.name } });
  const report = before.source(config.name);
  live.source(config.name).restore(report);
  const client = opened.use(
    openHttp({ spender, clock, random, log, signal, env, ...requestObserver(live, config) }, config),
  );
  const http = instrument?.http?.(client) ?? client;
  return {
    context: {
      config,
      journal,
      http,
      clock,
      log,
      signal,
      source: sourceContext({ journal, http, log, signal, mode }, config),
      circuit: new Circuit(options, report.conditions.refused),
      commits: new Mutex(),
      encoder: new RecordEncoder(config.definition.fields, config.definition.dataset),
      polls: new Mutex(),
      observer: collectObserver(shared, config),
    },
    schedule: parseSchedule(options.schedule, options.timezone, random),
  };
}

/** What the HTTP client of a source reports to. */
function requestObserver(
  live: Live,
  config: SourceConfig,
): Pick<HttpParts, 'onRequest' | 'onDuration' | 'onWait'> {
  const watch = live.source(config.name);
  return {
    onRequest(report) {
      watch.request(report);
      live.sourceAlive(config);
    },
    onDuration: (ms) => watch.requestDuration.observe(ms),
    onWait: (until, route) => watch.waits(until, route),
  };
}

/** What the collect loop of a source reports to. */
function collectObserver({ live, onPage }: Shared, config: SourceConfig): CollectObserver {
  const watch = live.source(config.name);
  return {
    page(added) {
      watch.page(added);
      onPage?.(config.name, added);
    },
    commit: (duration) => live.commits.observe(duration),
    streamPoll: (result) => watch.poll(result),
    sourcePoll: (result, duration) => watch.sourcePoll(result, duration),
    alive: (wait) => live.sourceAlive(config, wait),
  };
}

function openDelivery(shared: Omit<Shared, 'spender'>, destination: DestinationConfig): Delivery {
  const { config, clock, random, env, journal, opened, instrument, before } = shared;
  const log = shared.log.child({ penstock: { destination: destination.name } });
  const resource = resourceAttributes(env);
  const identity = { serviceName: resource['service.name'], resource };
  warnOfExposure(destinationExposure(destination, env), bareUrl(new URL(destination.url)), log);
  const sender = opened.use(new Sender({ destination, clock, proxyEnv: env, log }));
  return new Delivery({
    destination,
    journal,
    requests: new RequestMaker(identity, destination),
    sender: instrument?.sender?.(sender) ?? sender,
    clock,
    random,
    log,
    ...(isDaemon(shared) ? {} : { persistFor: PERSIST_FOR }),
    namespaceOf: (name, stored) => {
      const source = config.sources.find((candidate) => candidate.name === name);
      return source && namespaceOf(source, (names) => attributesOf(stored, names));
    },
    unreachable: before.destination(destination.name).unreachable,
    observer: deliveryObserver(shared, destination),
  });
}

/** What the delivery loop of a destination reports to. */
function deliveryObserver(
  { live, onResponse }: Pick<Shared, 'live' | 'onResponse'>,
  destination: DestinationConfig,
): DeliveryObserver {
  const watch = live.destination(destination.name);
  return {
    onResponse(report) {
      live.responded(destination, report);
      onResponse?.(report);
    },
    onDeadLetters: (count) => watch.onDeadLetters(count),
    onSkipped: (count) => watch.onSkipped(count),
  };
}
