import type { Agent as HttpAgent } from 'node:http';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { Clock } from '../clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import { proxyFor } from '../http/proxies.ts';
import { ACCEPT_ENCODING, ContentCodingError, decodeWhole } from '../http/content-coding.ts';
import { Exchange, LONGEST_BODY, type Seen } from './exchange.ts';
import { type Identity, type Parcel, Providers } from './providers.ts';
import { watchingAgent } from './watching-agent.ts';

/** The exporters' own enumeration, which they do not export. */
type Compression = NonNullable<NonNullable<ConstructorParameters<typeof ProtobufExporter>[0]>['compression']>;

const COMPRESSION = { gzip: 'gzip', none: 'none' } as unknown as Readonly<
  Record<DestinationConfig['compression'], Compression>
>;

/**
 * When all is to end, an answer is awaited this much longer, in milliseconds: without it, what may have been taken is
 * sent again.
 */
const LAST_ANSWER = 2_000;

interface SenderSettings {
  readonly destination: DestinationConfig;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly proxyEnv: Readonly<Record<string, string | undefined>>;
}

/**
 * Sends records to one destination through the OpenTelemetry exporter, and tells what really came back. One export is
 * one request, and one request is in flight at a time. `OTEL_EXPORTER_OTLP_*` must not be in the environment when it
 * is made: the exporter would merge another backend's headers into ours.
 */
export class Sender implements AsyncDisposable {
  readonly providers: Providers;
  readonly #destination: DestinationConfig;
  readonly #clock: Clock;
  readonly #exporter: LogRecordExporter;
  #agent: HttpAgent | undefined;
  #exchange: Exchange | undefined;

  constructor({ destination, identity, clock, proxyEnv }: SenderSettings) {
    this.#destination = destination;
    this.#clock = clock;
    this.providers = new Providers(identity, destination.profile);
    const proxy = proxyFor(destination.url, proxyEnv);
    const Exporter = destination.protocol === 'http/json' ? JsonExporter : ProtobufExporter;
    this.#exporter = new Exporter({
      url: destination.url,
      headers: () => Promise.resolve({ 'Accept-Encoding': ACCEPT_ENCODING, ...revealed(destination) }),
      compression: COMPRESSION[destination.compression],
      timeoutMillis: destination.timeout,
      userAgent: 'penstock',
      httpAgentOptions: (protocol) => {
        const onRequest = (request: ConstructorParameters<typeof Exchange>[0]) => {
          this.#exchange = new Exchange(request, destination.url);
        };
        this.#agent = watchingAgent(protocol, { tls: destination.tls, proxy, onRequest });
        return this.#agent;
      },
    });
  }

  /**
   * Sends the parcels as one request and resolves when its outcome is known, after `timeout` at the latest, and soon
   * after `ending` aborts.
   */
  async send(parcels: readonly Parcel[], ending?: AbortSignal): Promise<Seen> {
    const records = this.providers.gather(parcels);
    const done = new AbortController();
    const bound = this.#bound(done.signal, ending);
    const { promise, resolve } = Promise.withResolvers<ExportResult>();
    this.#exporter.export(records, resolve);
    const result = await promise;
    done.abort();
    const cutShort = await bound;
    const seen = this.#takeSeen() ?? { error: failure(result) };
    // Neither the receiver nor what it was sent is to blame when it was not given its time.
    return decoded(cutShort ? withoutBlame(seen) : seen);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First, because the exporter waits for its request: one in flight ends now.
    this.#agent?.destroy();
    await this.#exporter.shutdown();
  }

  #takeSeen(): Seen | undefined {
    const seen = this.#exchange?.seen;
    this.#exchange = undefined;
    return seen;
  }

  /**
   * The exporter's own time-out starts anew with every byte, and does not run while a connection is being made.
   * Resolves with whether the request was given up while all is to end.
   */
  async #bound(done: AbortSignal, ending: AbortSignal | undefined): Promise<boolean> {
    const { timeout } = this.#destination;
    const late = this.#clock.sleep(timeout, done).then(() => timedOut(`within ${timeout} ms`));
    const ended = ending && this.#afterEnd(ending, done);
    try {
      const error = await Promise.race(ended === undefined ? [late] : [late, ended]);
      this.#exchange?.abandon(error);
      return ending?.aborted === true;
    } catch {
      // The export ended first.
      return false;
    }
  }

  async #afterEnd(ending: AbortSignal, done: AbortSignal): Promise<Error> {
    await aborted(ending, done);
    await this.#clock.sleep(LAST_ANSWER, done);
    return timedOut(BEFORE_END);
  }
}

/** The answer without its content coding, as far as that is understood. */
async function decoded(seen: Seen): Promise<Seen> {
  if ('error' in seen || !seen.complete || seen.undecoded !== undefined) return seen;
  try {
    const body = await decodeWhole(seen.body, seen.headers['content-encoding'], LONGEST_BODY);
    return body === undefined ? { ...seen, undecoded: 'it is larger than 4 MiB' } : { ...seen, body };
  } catch (error) {
    if (error instanceof ContentCodingError) return { ...seen, undecoded: error.message };
    throw error;
  }
}

function withoutBlame(seen: Seen): Seen {
  if ('error' in seen) return { error: seen.error };
  return seen.complete ? seen : { error: timedOut(BEFORE_END) };
}

const BEFORE_END = 'before Penstock had to end';

function timedOut(when: string): Error {
  return Object.assign(new Error(`No complete answer ${when}`), { code: 'ERR_TIMED_OUT' });
}

/** Resolves when `signal` aborts; never, once `done` has, so that nothing is left behind on a signal that lives long. */
function aborted(signal: AbortSignal, done: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true, signal: done });
  if (signal.aborted) resolve();
  return promise;
}

/** Headers are asked for anew with every request, because the files that hold secrets are replaced while we run. */
function revealed({ headers }: DestinationConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, secret]) => {
      secret.refresh();
      return [name, secret.reveal()];
    }),
  );
}

function failure({ code, error }: ExportResult): Error {
  return (
    error ??
    new Error(code === ExportResultCode.SUCCESS ? 'The exporter sent nothing' : 'The exporter failed')
  );
}
