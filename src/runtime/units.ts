import { Circuit } from '../collect/circuit.ts';
import { type CollectContext, type HttpParts, openHttp, sourceContext } from '../collect/context.ts';
import { resourceAttributes } from '../config/otel-environment.ts';
import { namespaceOf } from '../config/options.ts';
import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import type { CollectObserver, DeliveryObserver } from '../core/observers.ts';
import { Mutex } from '../core/mutex.ts';
import { parseSchedule, type Schedule } from '../core/schedule.ts';
import { Delivery } from '../deliver/loop.ts';
import type { QuotaSpender } from '../http/quota.ts';
import { bareUrl, destinationExposure, warnOfExposure } from '../http/way.ts';
import type { Journal } from '../journal/journal.ts';
import type { Live } from '../observe/live.ts';
import type { Reports } from '../observe/status.ts';
import { attributesOf } from '../otlp/decode.ts';
import { RecordEncoder } from '../otlp/encode.ts';
import { RequestMaker } from '../otlp/request.ts';
import { Sender } from '../otlp/sender.ts';
import type { AppParts } from './host.ts';

/** One source, ready to be polled. */
export interface SourceUnit {
  readonly context: CollectContext;
  readonly schedule: Schedule;
}

/** A command does not wait for a full disk: its next run continues where this one ended. Milliseconds. */
const PERSIST_FOR = 10_000;

export function isDaemon({ mode, command = mode }: AppParts): boolean {
  return command === 'run';
}

interface Shared extends AppParts {
  readonly live: Live;
  readonly journal: Journal;
  readonly spender: QuotaSpender;
  readonly opened: AsyncDisposableStack;
  /** What the previous process wrote to the state. */
  readonly before: Reports;
}

export function openSource(shared: Shared, config: SourceConfig): SourceUnit {
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

export function openDelivery(shared: Omit<Shared, 'spender'>, destination: DestinationConfig): Delivery {
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
