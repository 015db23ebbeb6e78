import { Circuit } from '../collect/circuit.ts';
import { type CollectContext, type HttpParts, openHttp, sourceContext } from '../collect/context.ts';
import { collectSource } from '../collect/loop.ts';
import { resourceAttributes } from '../config/otel-environment.ts';
import { namespaceOf } from '../config/options.ts';
import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import type { CollectObserver, DeliveryObserver } from '../core/observers.ts';
import { Mutex } from '../core/mutex.ts';
import type { Schedule } from '../core/schedule.ts';
import { Delivery } from '../deliver/loop.ts';
import type { QuotaSpender } from '../http/quota.ts';
import { bareUrl, destinationExposure, warnOfExposure } from '../http/way.ts';
import type { Journal } from '../journal/journal.ts';
import type { Live } from '../observe/live.ts';
import { attributesOf } from '../otlp/decode.ts';
import { RecordEncoder } from '../otlp/encode.ts';
import { RequestMaker } from '../otlp/request.ts';
import { Sender } from '../otlp/sender.ts';
import type { Assignment } from './holds.ts';
import type { AppParts } from './host.ts';

/** What is made for one hold of a source or a destination. Disposing it ends its jobs and closes its connections. */
export interface Unit extends AsyncDisposable {
  /** Aborts when the work is to end. */
  readonly signal: AbortSignal;
  /** The jobs that use it. They end with it, and its hold is given back after them. */
  readonly jobs: UnitJobs;
  /** Polls, or delivers, until then. Rejects only when the state cannot be used. */
  run(): Promise<void>;
}

/** Jobs that use a unit: what they still write must not pass for work of the next hold. */
export class UnitJobs {
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** Aborts when they are to end. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Adds one, which never rejects. */
  add(job: Promise<void>): void {
    this.#running.add(job);
    void job.then(() => this.#running.delete(job));
  }

  /** Resolves when all of them have ended. */
  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
  }
}

/** A source that is held, ready to be polled. */
export interface SourceUnit extends Unit {
  readonly context: CollectContext;
  readonly schedule: Schedule;
}

/** A destination that is held, ready to be delivered to. */
export interface DestinationUnit extends Unit {
  readonly delivery: Delivery;
}

/** What all units of an app share. */
export interface UnitParts extends AppParts {
  readonly live: Live;
  readonly journal: Journal;
  readonly spender: QuotaSpender;
  readonly scheduleOf: (source: SourceConfig) => Schedule;
}

/** A command does not wait for a full disk: its next run continues where this one ended. Milliseconds. */
const PERSIST_FOR = 10_000;

export function isDaemon({ mode, command = mode }: AppParts): boolean {
  return command === 'run';
}

/** Makes what collecting from a source needs. Nothing that was read before the hold is in it. */
export function makeSource(
  parts: UnitParts,
  config: SourceConfig,
  { hold, ending, reports }: Assignment,
): SourceUnit {
  const { clock, random, env, mode, journal, spender, instrument, live } = parts;
  const { name, options, definition } = config;
  const jobs = new UnitJobs();
  const signal = AbortSignal.any([parts.collecting, ending, jobs.signal]);
  const log = parts.log.child({ penstock: { source: name } });
  const report = reports.source(name);
  live.source(name).restore(report);
  const requireValid = () => hold.requireValid();
  const client = openHttp(
    { spender, clock, random, log, signal, env, requireValid, ...requestObserver(live, config) },
    config,
  );
  const http = instrument?.http?.(client) ?? client;
  const context: CollectContext = {
    config,
    journal,
    http,
    clock,
    log,
    signal,
    source: sourceContext({ journal, http, log, signal, mode }, config),
    circuit: new Circuit(options, report.conditions.refused),
    commits: new Mutex(),
    encoder: encoderOf(definition),
    polls: new Mutex(),
    state: live.state,
    observer: collectObserver(parts, config),
  };
  const schedule = parts.scheduleOf(config);
  return {
    context,
    schedule,
    signal,
    jobs,
    run: () => collectSource(context, schedule),
    async [Symbol.asyncDispose]() {
      await jobs.end();
      await client[Symbol.asyncDispose]();
      if (ending.aborted) live.left(hold.subject);
    },
  };
}

/** One for all sources of a type: a thousand would each keep the same names of fields as bytes. Encoding never waits. */
const encoders = new WeakMap<SourceConfig['definition'], RecordEncoder>();

function encoderOf(definition: SourceConfig['definition']): RecordEncoder {
  const encoder = encoders.get(definition) ?? new RecordEncoder(definition.fields, definition.dataset);
  encoders.set(definition, encoder);
  return encoder;
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
function collectObserver({ live, onPage }: UnitParts, config: SourceConfig): CollectObserver {
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

/** Makes what delivering to a destination needs. Nothing that was read before the hold is in it. */
export function makeDestination(
  parts: UnitParts,
  destination: DestinationConfig,
  { hold, ending, reports }: Assignment,
): DestinationUnit {
  const { config, clock, random, env, journal, instrument, live } = parts;
  const { name } = destination;
  const jobs = new UnitJobs();
  const signal = AbortSignal.any([parts.delivering, ending, jobs.signal]);
  const log = parts.log.child({ penstock: { destination: name } });
  const resource = resourceAttributes(env);
  const identity = { serviceName: resource['service.name'], resource };
  warnOfExposure(destinationExposure(destination, env), bareUrl(new URL(destination.url)), log);
  const requireValid = () => hold.requireValid();
  const sender = new Sender({ destination, clock, proxyEnv: env, log, requireValid });
  const delivery = new Delivery({
    destination,
    journal,
    requests: new RequestMaker(identity, destination),
    sender: instrument?.sender?.(sender) ?? sender,
    clock,
    random,
    log,
    ...(isDaemon(parts) ? {} : { persistFor: PERSIST_FOR }),
    namespaceOf: (source, stored) => {
      const from = config.sources.find((candidate) => candidate.name === source);
      return from && namespaceOf(from, (names) => attributesOf(stored, names));
    },
    state: live.state,
    unreachable: reports.destination(name).unreachable,
    observer: deliveryObserver(parts, destination),
  });
  return {
    delivery,
    signal,
    jobs,
    run: () => delivery.run(signal),
    async [Symbol.asyncDispose]() {
      await jobs.end();
      await sender[Symbol.asyncDispose]();
      if (ending.aborted) live.left(hold.subject);
    },
  };
}

/** What the delivery loop of a destination reports to. */
function deliveryObserver(
  { live, onResponse }: Pick<UnitParts, 'live' | 'onResponse'>,
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
