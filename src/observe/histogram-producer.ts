import { ValueType, type HrTime } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram as HistogramValue,
  type HistogramMetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { HistogramFamily, HistogramPoint } from './families.ts';
import type { Snapshot } from '../runtime/snapshot.ts';

/**
 * Lends the SDK's reader histograms that are kept outside the SDK: its own instrument would make a key of the labels for
 * every value, which is too much for every record.
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
