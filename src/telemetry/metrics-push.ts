import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Clock } from '../clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import { watchingAgent } from '../deliver/watching-agent.ts';
import { destinationExposure, warnOfExposure } from '../http/exposure.ts';
import { proxyFor } from '../http/proxies.ts';
import { bareUrl } from '../http/url.ts';
import type { Logger } from './log.ts';

interface PushSettings {
  readonly receiver: DestinationConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly collect: () => Promise<ResourceMetrics>;
}

/** `OTEL_METRIC_EXPORT_INTERVAL` where it is not set. Milliseconds. */
const INTERVAL = 60_000;
/** The end does not wait longer for the last push. Milliseconds. */
const LAST_PUSH = 2_000;

/** The exporters' own enumeration, which they do not export. */
type Compression = NonNullable<NonNullable<ConstructorParameters<typeof ProtobufExporter>[0]>['compression']>;

const COMPRESSION = { gzip: 'gzip', none: 'none' } as unknown as Readonly<
  Record<DestinationConfig['compression'], Compression>
>;

/**
 * Pushes the metrics by OTLP now and then, and once more when the signal aborts. One that fails is lost: metrics are
 * cumulative, so the next one says it all.
 */
export async function pushMetrics(settings: PushSettings, signal: AbortSignal): Promise<void> {
  const { clock, env } = settings;
  warnOfExposure(
    destinationExposure(settings.receiver, env),
    bareUrl(new URL(settings.receiver.url)),
    settings.log,
  );
  const interval = Number(env['OTEL_METRIC_EXPORT_INTERVAL'] ?? '') || INTERVAL;
  const exporter = openExporter(settings);
  try {
    let failing = false;
    while (!signal.aborted) {
      await clock.sleep(interval, signal).catch(() => undefined);
      if (!signal.aborted) failing = await push(exporter, settings, failing);
    }
    await Promise.race([push(exporter, settings, failing), clock.sleep(LAST_PUSH)]);
  } finally {
    await exporter.shutdown();
  }
}

/** Returns whether it failed, which is logged once. */
async function push(
  exporter: PushMetricExporter,
  { collect, log, receiver }: PushSettings,
  failing: boolean,
): Promise<boolean> {
  try {
    const metrics = await collect();
    const { promise, resolve } = Promise.withResolvers<ExportResult>();
    exporter.export(metrics, resolve);
    const { code, error } = await promise;
    if (code === ExportResultCode.SUCCESS) return false;
    throw error ?? new Error('The exporter failed');
  } catch (error) {
    if (!failing)
      log.warn(
        { err: error, url: { full: receiver.url } },
        'Metrics could not be pushed; it is tried again.',
      );
    return true;
  }
}

function openExporter({ receiver, env }: PushSettings): PushMetricExporter {
  const { protocol, url, headers, compression, timeout, tls } = receiver;
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter;
  return new Exporter({
    url,
    headers: Object.fromEntries(Object.entries(headers).map(([name, secret]) => [name, secret.reveal()])),
    compression: COMPRESSION[compression],
    timeoutMillis: timeout,
    userAgent: 'penstock',
    httpAgentOptions: (scheme) =>
      watchingAgent(scheme, { tls, proxy: proxyFor(url, env), onRequest: () => undefined }),
  });
}
