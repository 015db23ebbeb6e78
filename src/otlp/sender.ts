import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from '../core/clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import { explainNetworkError, explainTimeout, explainProxyStatus } from '../http/network-error.ts';
import { aborted, ABORT_GRACE } from '../http/exchange.ts';
import { wantsTls, explainPlainRequest } from '../http/tls-error.ts';
import { destinationWay, serverOf, type Way, ExplainedError, bareUrl } from '../http/way.ts';
import type { Logger } from '../core/log.ts';
import { ContentCodingError, decodeWhole } from '../http/content-coding.ts';
import { Exchange, type ExporterOutcome, LONGEST_BODY } from './exchange.ts';
import type { Exporter, RequestBody } from './exporter.ts';

/**
 * A request in flight gets this much longer when the process is to end. Milliseconds. Without its response, records
 * that were accepted are sent again.
 */
const LAST_RESPONSE_WAIT = 2_000;

interface SenderSettings {
  readonly destination: DestinationConfig;
  readonly clock: Clock;
  readonly proxyEnv: Readonly<Record<string, string | undefined>>;
  /** Gets a line for each request that is given up. */
  readonly log?: Logger;
  /** Called right before a request is sent. When it throws, nothing is sent. */
  readonly requireValid?: (() => void) | undefined;
}

/**
 * Sends requests to one destination through the OpenTelemetry exporter, and returns what really came back. One export is
 * one request, and one request is in flight at a time. The exporter is loaded when the first request is sent.
 */
export class Sender implements AsyncDisposable {
  readonly #settings: SenderSettings;
  readonly #way: Way;
  /** Undefined before the first request, and when the last one did not end. */
  #exporter: Exporter | undefined;
  #exchange: Exchange | undefined;

  constructor(settings: SenderSettings) {
    this.#settings = settings;
    this.#way = destinationWay(settings.destination, settings.proxyEnv);
  }

  /**
   * Sends a request (`RequestMaker`) and resolves with its outcome: after `timeout` at the latest, and soon after `ending`
   * aborts. A request that has not ended five seconds after that is given up, with its connection. Rejects with what
   * `requireValid` throws.
   */
  async send(request: Uint8Array, ending?: AbortSignal): Promise<ExporterOutcome> {
    const body = await coded(request, this.#settings.destination.compression);
    this.#exporter ??= await this.#open();
    this.#settings.requireValid?.();
    const done = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    const bound = this.#bound(done.signal, ending, () => resolve(this.#giveUp()));
    void this.#exporter.export(body).then(resolve);
    const reported = await promise;
    done.abort();
    const cutShort = await bound;
    const outcome = this.#takeOutcome() ?? { error: failure(reported, this.#way) };
    // A receiver that was not given its time is not at fault, nor are the records.
    return explained(await decoded(cutShort ? withoutBlame(outcome) : outcome), this.#way);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First, because the exporter waits for its request.
    this.#exporter?.abandon();
    const done = new AbortController();
    const late = this.#settings.clock.sleep(ABORT_GRACE, done.signal).catch(() => undefined);
    await Promise.race([this.#exporter?.shutdown(), late]);
    done.abort();
  }

  async #open(): Promise<Exporter> {
    const { openExporter } = await import('./exporter.ts');
    const { proxy } = this.#way;
    const exporter: Exporter = openExporter(this.#settings.destination, {
      proxy,
      onRequest: (request) => this.#watch(exporter, request),
    });
    return exporter;
  }

  #watch(exporter: Exporter, request: ConstructorParameters<typeof Exchange>[0]): void {
    // Nobody waits for an exporter that was given up.
    if (exporter !== this.#exporter) request.destroy();
    else this.#exchange = new Exchange(request, this.#way);
  }

  /** The next request uses another connection, whatever blocks this one. */
  #giveUp(): Error {
    const { destination, log } = this.#settings;
    const { timeout, url } = destination;
    const error = timedOut(
      `No complete response within ${timeout} ms, and the request did not end ${ABORT_GRACE} ms later: it was given up`,
    );
    log?.warn(
      { url: { full: bareUrl(new URL(url)) }, error: { type: error.name, message: error.message } },
      'Request did not end and was given up; retrying.',
    );
    this.#exporter?.abandon();
    this.#exporter = undefined;
    return error;
  }

  #takeOutcome(): ExporterOutcome | undefined {
    const outcome = this.#exchange?.outcome;
    this.#exchange = undefined;
    return outcome;
  }

  /**
   * Ends the request in time: the exporter's own time-out starts anew with every byte, and does not run while a
   * connection is being made. Resolves with whether the request was ended because the process is to end.
   */
  async #bound(done: AbortSignal, ending: AbortSignal | undefined, giveUp: () => void): Promise<boolean> {
    const { clock, destination } = this.#settings;
    const { timeout } = destination;
    const late = clock
      .sleep(timeout, done)
      .then(() => timedOut(explainTimeout(this.#exchange?.phase ?? 'connecting', timeout, this.#way)));
    const ended = ending && this.#afterEnd(ending, done);
    try {
      const error = await Promise.race(ended === undefined ? [late] : [late, ended]);
      this.#exchange?.abandon(error);
      // Aborted when the export ends.
      clock.sleep(ABORT_GRACE, done).then(giveUp, () => undefined);
      return ending?.aborted === true;
    } catch {
      // The export ended first.
      return false;
    }
  }

  async #afterEnd(ending: AbortSignal, done: AbortSignal): Promise<Error> {
    await aborted(ending, done);
    await this.#settings.clock.sleep(LAST_RESPONSE_WAIT, done);
    return timedOut(BEFORE_END);
  }
}

/** Compressed on a thread of its own, so that the event loop does not wait. */
async function coded(bytes: Uint8Array, compression: DestinationConfig['compression']): Promise<RequestBody> {
  if (compression === 'none') return { bytes, coding: undefined };
  return { bytes: await compress(bytes, GZIP), coding: 'gzip' };
}

const compress = promisify(gzip);

/**
 * Measured on protobuf of login attempts of 1,080 bytes each: level 2 takes 2.5 µs and leaves 105 bytes, level 6 (zlib's
 * default) takes 6.2 µs and leaves 94.
 */
const GZIP = { level: 2 } as const;

/** The response without its content coding, where that is known. */
async function decoded(outcome: ExporterOutcome): Promise<ExporterOutcome> {
  if ('error' in outcome || !outcome.complete || outcome.undecoded !== undefined) return outcome;
  try {
    const body = await decodeWhole(outcome.body, outcome.headers['content-encoding'], LONGEST_BODY);
    return body === undefined ? { ...outcome, undecoded: 'it is larger than 4 MiB' } : { ...outcome, body };
  } catch (error) {
    if (error instanceof ContentCodingError) return { ...outcome, undecoded: error.message };
    throw error;
  }
}

function withoutBlame(outcome: ExporterOutcome): ExporterOutcome {
  if ('error' in outcome) return { error: outcome.error };
  return outcome.complete ? outcome : { error: timedOut(BEFORE_END) };
}

const BEFORE_END = 'no complete response before Penstock had to stop';

function timedOut(words: string): Error {
  return Object.assign(new ExplainedError(words), { code: 'ERR_TIMED_OUT' });
}

/** A response of a proxy, or of a port that expects TLS, as an error that says so. */
function explained(outcome: ExporterOutcome, way: Way): ExporterOutcome {
  if ('error' in outcome) return outcome;
  const { status, body } = outcome;
  const { proxy, url } = way;
  if (status === 407 && proxy !== undefined)
    return { error: new ExplainedError(explainProxyStatus(proxy, status, serverOf(way))) };
  const text = body.subarray(0, SEARCHED_BYTES).toString('latin1');
  return wantsTls({ status, url, text }) ? { error: new ExplainedError(explainPlainRequest(way)) } : outcome;
}

/** Bytes of a body that are searched for the words of a web server that expects TLS. */
const SEARCHED_BYTES = 4096;

/** What the exporter reports, where nothing was seen of its request. */
function failure(error: Error | undefined, way: Way): Error {
  if (error === undefined) return new Error('The exporter sent nothing');
  const { code } = error as NodeJS.ErrnoException;
  return Object.assign(new ExplainedError(explainNetworkError(error, way)), { code });
}
