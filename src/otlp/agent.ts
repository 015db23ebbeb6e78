import { Agent as HttpAgent, type AgentOptions, type ClientRequest, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import type { DestinationConfig, TlsConfig } from '../config/types.ts';
import { MAX_HEADER_BYTES } from '../http/network-error.ts';
import { connectionOptions, unusable } from '../http/tls-options.ts';
import { ExplainedError } from '../http/way.ts';
import type { Proxy } from '../config/proxy.ts';

/** The exporters' own enumeration, which they do not export. */
type Compression = NonNullable<
  NonNullable<ConstructorParameters<typeof OTLPMetricExporter>[0]>['compression']
>;

const COMPRESSION = { gzip: 'gzip', none: 'none' } as unknown as Readonly<
  Record<DestinationConfig['compression'], Compression>
>;

export interface AgentHooks {
  /** Undefined: none. The proxy variables of this process are not used. */
  readonly proxy: Proxy | undefined;
  /** Called with every request before it is sent. */
  readonly onRequest: (request: ClientRequest) => void;
}

/** The options of an official exporter to this receiver, but its headers. */
export function exporterOptions({ url, compression, timeout, tls }: DestinationConfig, hooks: AgentHooks) {
  return {
    url,
    compression: COMPRESSION[compression],
    timeoutMillis: timeout,
    userAgent: 'penstock',
    httpAgentOptions: (scheme: string) => watchingAgent(scheme, tls, hooks),
  };
}

type Connected = (error: Error | null, socket: Duplex) => void;

/** The hook by which Node hands a request to its agent; not in its type declarations. */
interface Addressable {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}

/**
 * An agent that shows each request to `onRequest`, gives each its `Content-Length`, and knows TLS settings and a proxy,
 * which the exporters' own agents do not. `scheme`: `http:` or `https:`.
 */
export function watchingAgent(scheme: string, tls: TlsConfig, { proxy, onRequest }: AgentHooks): HttpAgent {
  const url = proxy?.url.reveal();
  const proxyEnv = url === undefined ? {} : { http_proxy: url, https_proxy: url };
  const options: AgentOptions = { keepAlive: true, maxSockets: 1, proxyEnv };
  const agent = scheme === 'http:' ? new HttpAgent(options) : new TlsAgent(options, tls);
  const addressable = agent as unknown as Addressable;
  const addRequest = addressable.addRequest.bind(agent);
  addressable.addRequest = (request, ...rest) => {
    if (!request.hasHeader('Content-Length')) sendWhole(request);
    onRequest(request);
    // Last, so that `onRequest` sees the response before the error that is made of it.
    guardResponse(request);
    addRequest(request, ...rest);
  };
  return agent;
}

/**
 * Holds back the body of a request until it is whole, so that it is sent with its `Content-Length`: the official exporters
 * stream it in chunks, which some receivers reject (411, or 400).
 */
function sendWhole(request: ClientRequest): void {
  const chunks: Uint8Array[] = [];
  const end = request.end.bind(request);
  request.write = (chunk: string | Uint8Array) => {
    chunks.push(bytesOf(chunk));
    return true;
  };
  request.end = (chunk?: string | Uint8Array | (() => void) | null) => {
    if (chunk != null && typeof chunk !== 'function') chunks.push(bytesOf(chunk));
    const body = Buffer.concat(chunks);
    request.setHeader('Content-Length', body.length);
    return end(body);
  };
}

function bytesOf(chunk: string | Uint8Array): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/**
 * Lets response headers take 64 KiB, and makes an error of a response that switches protocols (101): without a
 * listener, Node closes the connection silently, and the exporter waits for ever.
 */
function guardResponse(request: ClientRequest): void {
  // Read when the connection is given to the request; not in its type declarations.
  Object.assign(request, { maxHeaderSize: MAX_HEADER_BYTES });
  request.once('upgrade', (_response, socket: Duplex) => {
    socket.destroy();
    const error = new Error('The response switches protocols (101), which is not an answer to this request');
    request.emit('error', Object.assign(error, { code: 'ERR_SWITCHES_PROTOCOLS' }));
  });
}

/** Reads certificates for every connection, so that a renewed one is used without a restart. */
class TlsAgent extends HttpsAgent {
  readonly #tls: TlsConfig;

  constructor(options: AgentOptions, tls: TlsConfig) {
    super(options);
    this.#tls = tls;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    try {
      return super.createConnection({ ...options, ...connectionOptions(this.#tls) }, connected);
    } catch (error) {
      // A file that cannot be read (a mount that is being swapped) fails this request, not the process.
      const failure = error instanceof ExplainedError ? error : unusable(error);
      connected?.(failure, undefined as unknown as Duplex);
      return undefined;
    }
  }
}
