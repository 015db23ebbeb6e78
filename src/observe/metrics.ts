import { type HrTime, ValueType } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { emptyResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram as HistogramValue,
  type HistogramMetricData,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { VERSION } from '../core/version.ts';
import {
  FAMILIES,
  type Family,
  type HistogramFamily,
  type HistogramPoint,
  HISTOGRAMS,
  type Point,
} from './families.ts';
import type { Snapshot } from './snapshot.ts';

interface MetricsSettings {
  /** `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`. */
  readonly resource: Readonly<Record<string, string>>;
  /** When the process started, epoch ms. */
  readonly startedAt: number;
  /** Lines of the log that could not be written. */
  readonly lostLogLines?: () => number;
}

/** By default the SDK drops series of an instrument beyond 2000, which 200 consoles reach. */
const SERIES = 100_000;

/** The metrics of this process: a snapshot as the OpenTelemetry SDK's exporters read it. */
export class Metrics implements AsyncDisposable {
  readonly #process: ProcessFamilies;
  readonly #reader: Reader;
  readonly #provider: MeterProvider;
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  /** By metric: the label sets of the current snapshot. */
  readonly #present = new Map<string, ReadonlySet<string>>();
  #snapshot: Snapshot | undefined;

  constructor({ resource, startedAt, lostLogLines = () => 0 }: MetricsSettings) {
    this.#process = new ProcessFamilies(startedAt, lostLogLines);
    this.#reader = new Reader(new HistogramProducer(HISTOGRAMS, startedAt, () => this.#snapshot));
    this.#provider = new MeterProvider({
      resource: resourceFromAttributes({
        'service.name': 'penstock',
        'service.version': VERSION,
        ...resource,
      }),
      readers: [this.#reader],
    });
    for (const family of [...FAMILIES, ...this.#process.families]) this.#register(family);
  }

  /** A snapshot's metrics for the SDK's exporters. */
  async collect(snapshot: Snapshot): Promise<ResourceMetrics> {
    this.#snapshot = snapshot;
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors, 'The metrics could not be collected');
    return this.#withoutGone(resourceMetrics);
  }

  /** The same in the text format of Prometheus, version 0.0.4. */
  async text(snapshot: Snapshot): Promise<string> {
    return `${this.#serializer.serialize(await this.collect(snapshot)).trimEnd()}\n`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process[Symbol.dispose]();
    await this.#provider.shutdown();
  }

  #register({ name, help, kind, read }: Family): void {
    const meter = this.#provider.getMeter('penstock');
    const options = { description: help };
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options);
    instrument.addCallback((result) => {
      const points = this.#snapshot === undefined ? [] : read(this.#snapshot);
      this.#present.set(name, new Set(points.map(({ labels }) => keyOf(labels))));
      for (const { value, labels } of points) result.observe(value, labels);
    });
  }

  /** The SDK keeps exporting the last value of series that are gone, such as those of a removed source; this drops them. */
  #withoutGone({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
    const presentOnly = (metric: MetricData) => {
      // Histograms are created for each snapshot.
      if (metric.dataPointType === DataPointType.HISTOGRAM) return metric;
      const present = this.#present.get(metric.descriptor.name);
      const points: DataPoint<unknown>[] = metric.dataPoints;
      const dataPoints = points.filter(({ attributes }) => present?.has(keyOf(attributes)));
      return { ...metric, dataPoints } as MetricData;
    };
    return {
      resource,
      scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({
        scope,
        metrics: metrics.map(presentOnly).filter(({ dataPoints }) => dataPoints.length > 0),
      })),
    };
  }
}

/** Collects on demand. */
class Reader extends MetricReader {
  constructor(histograms: MetricProducer) {
    super({
      metricProducers: [histograms],
      aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE,
      cardinalitySelector: () => SERIES,
    });
  }

  protected override async onForceFlush(): Promise<void> {
    // Nothing is held back.
  }

  protected override async onShutdown(): Promise<void> {
    // Nothing is open.
  }
}

function keyOf(labels: object): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Gives the SDK's reader histograms that are kept outside the SDK, whose own instrument builds a key from the labels for
 * every value: too expensive per record.
 */
export class HistogramProducer implements MetricProducer {
  readonly #families: readonly HistogramFamily[];
  readonly #since: HrTime;
  readonly #snapshot: () => Snapshot | undefined;

  /** `since`: when the process started, epoch ms. */
  constructor(families: readonly HistogramFamily[], since: number, snapshot: () => Snapshot | undefined) {
    this.#families = families;
    this.#since = millisToHrTime(since);
    this.#snapshot = snapshot;
  }

  async collect(): Promise<CollectionResult> {
    const snapshot = this.#snapshot();
    const metrics =
      snapshot === undefined ? [] : this.#families.map((family) => this.#data(family, snapshot));
    const scopeMetrics = [{ scope: { name: 'penstock' }, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }

  #data({ name, help, read }: HistogramFamily, snapshot: Snapshot): HistogramMetricData {
    const endTime = millisToHrTime(snapshot.at);
    return {
      descriptor: { name, description: help, unit: '', valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: read(snapshot).map((point) => this.#point(point, endTime)),
    };
  }

  #point({ histogram, labels }: HistogramPoint, endTime: HrTime): DataPoint<HistogramValue> {
    const { boundaries, counts, sum, count } = histogram;
    const value = { buckets: { boundaries: [...boundaries], counts: [...counts] }, sum, count };
    return { startTime: this.#since, endTime, attributes: labels, value };
  }
}

/** How often the delay of the event loop is sampled. Milliseconds. */
const RESOLUTION = 20;
const NANOSECONDS = 1e9;

/** The process's own metrics, with the usual names of Prometheus clients. Disposing stops sampling the event loop. */
export class ProcessFamilies implements Disposable {
  readonly families: readonly Family[];
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION });

  /** `startedAt`: epoch ms. */
  constructor(startedAt: number, lostLogLines: () => number) {
    this.#delay.enable();
    this.families = [
      {
        name: 'penstock_log_lines_lost_total',
        help: 'Log lines that could not be written, because the reader is gone or the disk is full.',
        kind: 'counter',
        read: () => one(lostLogLines()),
      },
      {
        name: 'process_cpu_seconds_total',
        help: 'User and system time.',
        kind: 'counter',
        read: () => one(cpuSeconds()),
      },
      {
        name: 'process_resident_memory_bytes',
        help: 'Resident memory.',
        kind: 'gauge',
        read: () => one(process.memoryUsage.rss()),
      },
      {
        name: 'process_start_time_seconds',
        help: 'When the process started.',
        kind: 'gauge',
        read: () => one(startedAt / 1000),
      },
      {
        name: 'nodejs_heap_size_used_bytes',
        help: 'Heap in use.',
        kind: 'gauge',
        read: () => one(process.memoryUsage().heapUsed),
      },
      {
        name: 'nodejs_eventloop_lag_p99_seconds',
        help: '99th percentile of the event loop delay since the last scrape.',
        kind: 'gauge',
        read: () => one(this.#takeDelay()),
      },
    ];
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }

  #takeDelay(): number {
    const late = this.#delay.percentile(99) - RESOLUTION * 1e6;
    this.#delay.reset();
    return Math.max(0, late) / NANOSECONDS;
  }
}

function one(value: number): readonly Point[] {
  return [{ value, labels: {} }];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
