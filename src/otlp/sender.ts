import type { Agent as HttpAgent } from 'node:http';
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { Clock } from '../core/clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import { aborted, SETTLE } from '../http/given-up.ts';
import { networkWords, OwnWords } from '../http/network-error.ts';
import { timedOutWords } from '../http/phase.ts';
import { proxyRefusal } from '../http/proxy-error.ts';
import { wantsTls, wantsTlsWords } from '../http/tls-error.ts';
import { bareUrl } from '../http/url.ts';
import { destinationWay, serverOf, type Way } from '../http/way.ts';
import type { Logger } from '../core/log.ts';
import { ACCEPT_ENCODING, ContentCodingError, decodeWhole } from '../http/content-coding.ts';
import { Exchange, LONGEST_BODY, type Seen } from './exchange.ts';
import { type Identity, type Parcel, Providers } from './providers.ts';
import { watchingAgent } from './agent.ts';

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

/** An exporter and its connections; replaced when it holds a request that does not end. */
interface Line {
  readonly exporter: LogRecordExporter;
  agent?: HttpAgent;
}

interface SenderSettings {
  readonly destination: DestinationConfig;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly proxyEnv: Readonly<Record<string, string | undefined>>;
  /** Told of a request that was given up. */
  readonly log?: Logger;
}

/**
 * Sends records to one destination through the OpenTelemetry exporter, and tells what really came back. One export is
 * one request, and one request is in flight at a time. `OTEL_EXPORTER_OTLP_*` must not be in the environment when it
 * is made: the exporter would merge another backend's headers into ours.
 */
export class Sender implements AsyncDisposable {
  readonly providers: Providers;
  readonly #settings: SenderSettings;
  readonly #way: Way;
  #line: Line;
  #exchange: Exchange | undefined;

  constructor(settings: SenderSettings) {
    const { identity, destination } = settings;
    this.#settings = settings;
    this.#way = destinationWay(destination, settings.proxyEnv);
    this.providers = new Providers(identity, destination.profile);
    this.#line = this.#open();
  }

  /**
   * Sends the parcels as one request and resolves when its outcome is known, after `timeout` at the latest, and soon
   * after `ending` aborts. A request that has not ended five seconds after that is given up, with its connection.
   */
  async send(parcels: readonly Parcel[], ending?: AbortSignal): Promise<Seen> {
    const records = this.providers.gather(parcels);
    const done = new AbortController();
    const { promise, resolve } = Promise.withResolvers<ExportResult>();
    const bound = this.#bound(done.signal, ending, () => resolve(this.#giveUp()));
    this.#line.exporter.export(records, resolve);
    const result = await promise;
    done.abort();
    const cutShort = await bound;
    const seen = this.#takeSeen() ?? { error: failure(result, this.#way) };
    // Neither the receiver nor what it was sent is to blame when it was not given its time.
    return understood(await decoded(cutShort ? withoutBlame(seen) : seen), this.#way);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First, because the exporter waits for its request: one in flight ends now.
    this.#line.agent?.destroy();
    const done = new AbortController();
    const late = this.#settings.clock.sleep(SETTLE, done.signal).catch(() => undefined);
    await Promise.race([this.#line.exporter.shutdown(), late]);
    done.abort();
  }

  #open(): Line {
    const { destination } = this.#settings;
    const { protocol, url, compression, timeout, tls } = destination;
    const { proxy } = this.#way;
    const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter;
    const exporter = new Exporter({
      url,
      headers: () => Promise.resolve({ 'Accept-Encoding': ACCEPT_ENCODING, ...revealed(destination) }),
      compression: COMPRESSION[compression],
      timeoutMillis: timeout,
      userAgent: 'penstock',
      httpAgentOptions: (scheme) => {
        line.agent = watchingAgent(scheme, {
          tls,
          proxy,
          onRequest: (request) => this.#watch(line, request),
        });
        return line.agent;
      },
    });
    const line: Line = { exporter };
    return line;
  }

  #watch(line: Line, request: ConstructorParameters<typeof Exchange>[0]): void {
    // Nobody waits for what an exporter does that was given up.
    if (line !== this.#line) request.destroy();
    else this.#exchange = new Exchange(request, this.#way);
  }

  /** Whatever holds the request, the next one goes another way. */
  #giveUp(): ExportResult {
    const { destination, log } = this.#settings;
    const { timeout, url } = destination;
    const error = timedOut(
      `No complete answer within ${timeout} ms, and the request did not end ${SETTLE} ms later: it was given up`,
    );
    log?.warn(
      { url: { full: bareUrl(new URL(url)) }, error: { type: error.name, message: error.message } },
      'Request did not end by itself and was given up; it is tried again.',
    );
    this.#line.agent?.destroy();
    this.#line = this.#open();
    return { code: ExportResultCode.FAILED, error };
  }

  #takeSeen(): Seen | undefined {
    const seen = this.#exchange?.seen;
    this.#exchange = undefined;
    return seen;
  }

  /**
   * The exporter's own time-out starts anew with every byte, and does not run while a connection is being made.
   * Resolves with whether the request was ended because all is to end.
   */
  async #bound(done: AbortSignal, ending: AbortSignal | undefined, giveUp: () => void): Promise<boolean> {
    const { clock, destination } = this.#settings;
    const { timeout } = destination;
    const late = clock
      .sleep(timeout, done)
      .then(() => timedOut(timedOutWords(this.#exchange?.phase ?? 'connecting', timeout, this.#way)));
    const ended = ending && this.#afterEnd(ending, done);
    try {
      const error = await Promise.race(ended === undefined ? [late] : [late, ended]);
      this.#exchange?.abandon(error);
      // Broken off when the export ends.
      clock.sleep(SETTLE, done).then(giveUp, () => undefined);
      return ending?.aborted === true;
    } catch {
      // The export ended first.
      return false;
    }
  }

  async #afterEnd(ending: AbortSignal, done: AbortSignal): Promise<Error> {
    await aborted(ending, done);
    await this.#settings.clock.sleep(LAST_ANSWER, done);
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

const BEFORE_END = 'no complete answer before Penstock had to end';

function timedOut(words: string): Error {
  return Object.assign(new OwnWords(words), { code: 'ERR_TIMED_OUT' });
}

/** What is no answer of the receiver but of something before it, as an error that says so. */
function understood(seen: Seen, way: Way): Seen {
  if ('error' in seen) return seen;
  const { status, body } = seen;
  const { proxy, url } = way;
  if (status === 407 && proxy !== undefined)
    return { error: new OwnWords(proxyRefusal(proxy, status, serverOf(way))) };
  const text = body.subarray(0, LOOKED_THROUGH).toString('latin1');
  return wantsTls({ status, url, text }) ? { error: new OwnWords(wantsTlsWords(way)) } : seen;
}

/** As much of a body as is looked through for what a web server says of itself. */
const LOOKED_THROUGH = 4096;

/** Headers are asked for anew with every request, because the files that hold secrets are replaced while we run. */
function revealed({ headers }: DestinationConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, secret]) => {
      secret.refresh();
      return [name, secret.reveal()];
    }),
  );
}

function failure({ code, error }: ExportResult, way: Way): Error {
  if (error !== undefined) {
    const { code: cause } = error as NodeJS.ErrnoException;
    return Object.assign(new OwnWords(networkWords(error, way)), { code: cause });
  }
  return new Error(code === ExportResultCode.SUCCESS ? 'The exporter sent nothing' : 'The exporter failed');
}
