import type { Agent as HttpAgent } from 'node:http';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import type { IExporterMetricsHelper, ISerializer } from '@opentelemetry/otlp-transformer';
import type { DestinationConfig } from '../config/types.ts';
import { ACCEPT_ENCODING } from '../http/content-coding.ts';
import { type AgentHooks, watchingAgent } from './agent.ts';

/** The body of one request, in its content coding. */
export interface RequestBody {
  readonly bytes: Uint8Array;
  readonly coding: 'gzip' | undefined;
}

/** An exporter and its connections. One request is in flight at a time. */
export interface Exporter {
  /** Resolves when the request has ended, with the error that the exporter reports; undefined: it reports success. */
  export(body: RequestBody): Promise<Error | undefined>;
  /** Ends a request in flight. */
  abandon(): void;
  /** Resolves when nothing is in flight any more. */
  shutdown(): Promise<void>;
}

const MEDIA_TYPES: Readonly<Record<DestinationConfig['protocol'], string>> = {
  'http/protobuf': 'application/x-protobuf',
  'http/json': 'application/json',
};

/** As the official exporters of logs call themselves in OpenTelemetry's own metrics, which are not collected here. */
const COMPONENT_TYPE = 'otlp_http_log_exporter';
const METRICS: IExporterMetricsHelper<RequestBody> = { name: 'log', countItems: () => 1 };

/** As the exporters' default. */
const CONCURRENCY_LIMIT = 30;

/** The request is serialised, and the response is read from the agent. */
const SERIALIZED: ISerializer<RequestBody, object> = {
  serializeRequest: ({ bytes }) => bytes,
  deserializeResponse: () => ({}),
};

/**
 * OpenTelemetry's exporter over HTTP, made of the parts that its exporters of logs are made of, for requests that are
 * serialised and compressed before: so each is sent with its `Content-Length`, and is not computed on the event loop.
 * It takes nothing from the environment.
 */
export function openExporter(destination: DestinationConfig, hooks: AgentHooks): Exporter {
  let sent: RequestBody | undefined;
  let agent: HttpAgent | undefined;
  const options = {
    url: destination.url,
    compression: 'none',
    timeoutMillis: destination.timeout,
    concurrencyLimit: CONCURRENCY_LIMIT,
    userAgent: 'penstock',
    agentFactory: (scheme: string) => (agent = watchingAgent(scheme, destination.tls, hooks)),
    // Called for each request, after it is serialised.
    headers: async () => headersOf(destination, sent),
  } as const;
  const delegate = createOtlpHttpExportDelegate(options, SERIALIZED, COMPONENT_TYPE, METRICS, undefined);
  const exporter = new OTLPExporterBase(delegate);
  return {
    export(body) {
      sent = body;
      const { promise, resolve } = Promise.withResolvers<Error | undefined>();
      exporter.export(body, ({ code, error }) => {
        const failed = code !== ExportResultCode.SUCCESS;
        resolve(failed ? (error ?? new Error('The exporter failed')) : undefined);
      });
      return promise;
    },
    abandon: () => agent?.destroy(),
    shutdown: () => exporter.shutdown(),
  };
}

/** What describes the body wins over headers that are configured. */
function headersOf(destination: DestinationConfig, body: RequestBody | undefined): Record<string, string> {
  return {
    'Accept-Encoding': ACCEPT_ENCODING,
    ...revealed(destination),
    'Content-Type': MEDIA_TYPES[destination.protocol],
    'Content-Length': String(body?.bytes.length ?? 0),
    ...(body?.coding === undefined ? {} : { 'Content-Encoding': body.coding }),
  };
}

/** Read anew for every request, because the files that hold secrets may be replaced at any time. */
function revealed({ headers }: DestinationConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, secret]) => {
      secret.refresh();
      return [name, secret.reveal()];
    }),
  );
}
