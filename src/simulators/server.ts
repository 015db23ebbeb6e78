import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Clock, Random } from '../core/clock.ts';
import { toJson } from '../core/json.ts';

/** One request, as a simulator saw it. */
export interface SimulatedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** The simulator's clock, epoch ms. */
  readonly at: number;
}

/** What a simulator answers. Objects are sent as JSON. */
export interface SimulatedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Milliseconds, by the simulator's clock, before anything of it is sent. */
  readonly delay?: number;
  /**
   * reset: the connection is torn down unanswered; truncate: half of the body, then torn down;
   * hang: no answer until closed; stall: half of the body, then nothing until closed.
   */
  readonly fault?: 'reset' | 'truncate' | 'hang' | 'stall';
}

/** How a simulator answers. */
export type Answerer = (request: SimulatedRequest) => SimulatedAnswer | Promise<SimulatedAnswer>;

/** Where a simulator listens: by default a free port of 127.0.0.1. */
export interface Place {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** An HTTP server that behaves as told, and remembers what it was asked. */
export interface Simulator extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SimulatedRequest[];
  /** Answers given, first in first out, instead of the simulator's own; undefined in the list lets one request through. */
  readonly script: (SimulatedAnswer | undefined)[];
  /** What stands between it and who asks, a proxy or a cache: the headers that it adds to an answer, or replaces. */
  readonly way: { headers: ((request: SimulatedRequest) => Readonly<Record<string, string>>) | undefined };
  /** Resolves when it was asked this often; rejects with the signal's reason when aborted. */
  asked(count: number, signal?: AbortSignal): Promise<void>;
  /** Closes the port and every connection; connecting is refused until `back`. */
  away(): Promise<void>;
  /** Listens again, on the same port. */
  back(): Promise<void>;
}

/** Starts a simulator. Its `Date` header is its clock's; `port` 0 takes a free one. */
export async function serve(
  answer: Answerer,
  { clock, host = '127.0.0.1', port = 0 }: Place & { readonly clock: Clock },
): Promise<Simulator> {
  const requests: SimulatedRequest[] = [];
  const script: (SimulatedAnswer | undefined)[] = [];
  const way: Simulator['way'] = { headers: undefined };
  const askers = new Waiters();
  const server = createServer((incoming, response) => {
    // A simulator that throws answers 500 with the error, so that the test which caused it sees why.
    reply(incoming, response).catch((error: unknown) =>
      send(response, { status: 500, body: String(error) }, clock),
    );
  });

  async function reply(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(incoming, clock);
    requests.push(request);
    askers.check();
    const told = script.shift() ?? (await answer(request));
    if (told.delay !== undefined) await clock.sleep(told.delay);
    send(response, { ...told, headers: { ...told.headers, ...way.headers?.(request) } }, clock);
  }

  const taken = await listen(server, host, port);
  return {
    url: `http://${host}:${taken}`,
    requests,
    script,
    way,
    asked: (count, signal) => askers.until(() => requests.length >= count, signal),
    away: () => close(server),
    back: async () => void (await listen(server, host, taken)),
    [Symbol.asyncDispose]: () => close(server),
  };
}

/** Returns the port that it listens on. */
async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

async function read(incoming: IncomingMessage, clock: Clock): Promise<SimulatedRequest> {
  const url = new URL(incoming.url ?? '/', 'http://simulator');
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers as Record<string, string | undefined>,
    body: await buffer(incoming),
    at: clock.now(),
  };
}

function send(
  response: ServerResponse,
  { status, headers = {}, body, fault }: SimulatedAnswer,
  clock: Clock,
): void {
  if (fault === 'hang') return;
  if (fault === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  const raw = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = Buffer.from(raw ? body : body === undefined ? '' : toJson(body));
  const type: Record<string, string> =
    raw || body === undefined ? {} : { 'content-type': 'application/json' };
  response.sendDate = false;
  response.writeHead(status, {
    date: new Date(clock.now()).toUTCString(),
    ...type,
    ...headers,
    'content-length': String(bytes.length),
  });
  if (fault === 'truncate') {
    response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.resetAndDestroy());
    return;
  }
  if (fault === 'stall') {
    response.write(bytes.subarray(0, bytes.length / 2));
    return;
  }
  response.end(bytes);
}

interface Waiter {
  readonly met: () => boolean;
  readonly resolve: () => void;
}

/** Lets callers wait until something has come to be, without polling: who changes it calls `check`. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Resolves when `met` holds, at once if it does; rejects with the signal's reason when aborted. */
  async until(met: () => boolean, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (met()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { met, resolve };
    const abort = () => reject(signal?.reason as Error);
    this.#waiting.add(waiter);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(waiter);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** To be called after every change. */
  check(): void {
    for (const { met, resolve } of this.#waiting) if (met()) resolve();
  }
}

/** How often a server fails and in which way: probabilities, of which no more than one fault befalls a request. */
export interface FaultPlan {
  /** 429 with `Retry-After`, in seconds `retryAfter`. */
  readonly throttle?: number;
  /** 429 without `Retry-After`. */
  readonly throttleMute?: number;
  /** 503 with an HTML page, as a proxy in front of a server that restarts. */
  readonly unavailable?: number;
  readonly reset?: number;
  readonly truncate?: number;
  /** The right answer, `delay` late. */
  readonly slow?: number;
  /** Seconds. Default 1. */
  readonly retryAfter?: number;
  /** Milliseconds. Default 1000. */
  readonly delay?: number;
}

/** A page where JSON was asked for: proxies, deployments, login forms. */
export const HTML_UNAVAILABLE: SimulatedAnswer = {
  status: 503,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>',
};

/** Makes a server fail now and then, the same way for the same `random`. */
export function unreliable(answer: Answerer, plan: FaultPlan, random: Random): Answerer {
  const faults: readonly (readonly [number | undefined, Answerer])[] = [
    [plan.throttle, () => throttled(plan.retryAfter ?? 1)],
    [plan.throttleMute, () => throttled()],
    [plan.unavailable, () => HTML_UNAVAILABLE],
    [plan.reset, () => ({ status: 0, fault: 'reset' })],
    [plan.truncate, async (request) => ({ ...(await answer(request)), fault: 'truncate' })],
    [plan.slow, async (request) => ({ ...(await answer(request)), delay: plan.delay ?? 1000 })],
  ];
  return (request: SimulatedRequest) => {
    let drawn = random();
    for (const [probability = 0, fault] of faults) {
      if (drawn < probability) return fault(request);
      drawn -= probability;
    }
    return answer(request);
  };
}

/** 429; without seconds, without `Retry-After`. */
export function throttled(seconds?: number): SimulatedAnswer {
  return {
    status: 429,
    ...(seconds !== undefined && { headers: { 'retry-after': String(seconds) } }),
    body: { message: 'Too many requests' },
  };
}
