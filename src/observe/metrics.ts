import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { VERSION } from '../core/version.ts';
import { FAMILIES, type Family, HISTOGRAMS } from './families.ts';
import { HistogramProducer } from './histogram-producer.ts';
import { ProcessFamilies } from './process-families.ts';
import type { Snapshot } from '../runtime/snapshot.ts';

interface MetricsSettings {
  /** `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`. */
  readonly resource: Readonly<Record<string, string>>;
  /** Of the process, epoch ms. */
  readonly startedAt: number;
  /** Lines of the log that could not be written. */
  readonly lostLogLines?: () => number;
}

/** The SDK drops the series of an instrument beyond 2000, which 200 consoles reach. */
const SERIES = 100_000;

/** The metrics of this process: what a snapshot says, through the OpenTelemetry SDK. */
export class Metrics implements AsyncDisposable {
  readonly #process: ProcessFamilies;
  readonly #reader: Reader;
  readonly #provider: MeterProvider;
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  /** By metric: the label sets that it has now. */
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

  /** What a snapshot says, as the SDK's exporters take it. */
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

  /** The SDK goes on telling the last value of what is gone: an empty journal's oldest event, a removed source. */
  #withoutGone({ resource, scopeMetrics }: ResourceMetrics): ResourceMetrics {
    const presentOnly = (metric: MetricData) => {
      // These are made anew for each snapshot.
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

/** Collects when it is asked to, for whoever asks. */
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
