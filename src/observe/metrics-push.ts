import type { ClientRequest } from 'node:http';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Clock } from '../core/clock.ts';
import { maskForeign } from '../core/secret.ts';
import type { DestinationConfig } from '../config/types.ts';
import { exporterOptions } from '../otlp/agent.ts';
import { explainNetworkError, explainProxyStatus } from '../http/network-error.ts';
import { ABORT_GRACE } from '../http/exchange.ts';
import {
  destinationWay,
  serverOf,
  destinationExposure,
  warnOfExposure,
  ExplainedError,
  bareUrl,
} from '../http/way.ts';
import { printable } from '../core/text.ts';
import type { Logger } from '../core/log.ts';

interface PushSettings {
  readonly receiver: DestinationConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly collect: () => Promise<ResourceMetrics>;
}

/** The default of `OTEL_METRIC_EXPORT_INTERVAL`. Milliseconds. */
const INTERVAL = 60_000;
/** A shutdown waits at most this long for the last push. Milliseconds. */
const LAST_PUSH = 2_000;

/**
 * Pushes the metrics over OTLP at an interval, and once more when the signal aborts. A failed push is not repeated:
 * metrics are cumulative, so the next one contains everything.
 */
export async function pushMetrics(settings: PushSettings, signal: AbortSignal): Promise<void> {
  const { clock, env } = settings;
  warnOfExposure(
    destinationExposure(settings.receiver, env),
    bareUrl(new URL(settings.receiver.url)),
    settings.log,
  );
  const interval = Number(env['OTEL_METRIC_EXPORT_INTERVAL'] ?? '') || INTERVAL;
  const pushing: Pushing = { exporter: undefined, failure: undefined, failing: false };
  try {
    while (!signal.aborted) {
      await clock.sleep(interval, signal).catch(() => undefined);
      if (!signal.aborted) await push(pushing, settings);
    }
    await Promise.race([push(pushing, settings), clock.sleep(LAST_PUSH)]);
  } finally {
    const done = new AbortController();
    await Promise.race([pushing.exporter?.shutdown(), clock.sleep(ABORT_GRACE, done.signal)]);
    done.abort();
  }
}

interface Pushing {
  /** Replaced when a push does not end. */
  exporter: PushMetricExporter | undefined;
  /** The network error of the last push; the exporters would replace its message. */
  failure: Error | undefined;
  /** A failure is logged once. */
  failing: boolean;
}

async function push(pushing: Pushing, settings: PushSettings): Promise<void> {
  const { collect, log, receiver } = settings;
  pushing.failure = undefined;
  try {
    await send(await collect(), pushing, settings);
    pushing.failing = false;
  } catch (error) {
    if (!pushing.failing) {
      const message = wordsOf(pushing.failure ?? error, settings);
      log.warn(
        { error: { message }, url: { full: bareUrl(new URL(receiver.url)) } },
        'Metrics push failed; retrying.',
      );
    }
    pushing.failing = true;
  }
}

async function send(metrics: ResourceMetrics, pushing: Pushing, settings: PushSettings): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<ExportResult>();
  const done = new AbortController();
  pushing.exporter ??= openExporter(settings, (failure) => {
    pushing.failure = failure;
  });
  pushing.exporter.export(metrics, resolve);
  const late = settings.clock.sleep(settings.receiver.timeout + ABORT_GRACE, done.signal);
  const result = await Promise.race([promise, late]);
  done.abort();
  if (result === undefined) {
    pushing.exporter = undefined;
    throw new ExplainedError(`The push did not end within ${ABORT_GRACE} ms after its timeout`);
  }
  if (result.code !== ExportResultCode.SUCCESS) throw result.error ?? new Error('The exporter failed');
}

/** What ended a push: an error of the network, or a status that the exporter reports. */
function wordsOf(error: unknown, { receiver, env }: PushSettings): string {
  const way = destinationWay(receiver, env);
  const { code, message = '' } = error as { readonly code?: unknown; readonly message?: string };
  if (typeof code !== 'number') return explainNetworkError(error, way);
  if (code === 407 && way.proxy !== undefined) return explainProxyStatus(way.proxy, code, serverOf(way));
  const said = printable(maskForeign(message));
  return `${serverOf(way)} answered ${code}${said === '' ? '' : `: ${said}`}`;
}

function openExporter(
  { receiver, env }: PushSettings,
  onFailure: (error: Error) => void,
): PushMetricExporter {
  const { protocol, headers } = receiver;
  const { proxy } = destinationWay(receiver, env);
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter;
  const onRequest = (request: ClientRequest) => void request.prependListener('error', onFailure);
  return new Exporter({
    ...exporterOptions(receiver, { proxy, onRequest }),
    headers: Object.fromEntries(Object.entries(headers).map(([name, secret]) => [name, secret.reveal()])),
  });
}
