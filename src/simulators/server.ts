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
  /** When it was answered or its connection ended, epoch ms; undefined before. */
  ended?: number;
}

/** What a simulator answers. Objects are sent as JSON. */
export interface SimulatedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Milliseconds by the simulator's clock before anything is sent. */
  readonly delay?: number;
  /**
   * reset: closes the connection without an answer; truncate: sends half of the body, then closes;
   * hang: never answers; stall: sends half of the body, then nothing more; raw: sends the body alone, without HTTP
   * around it, then closes.
   */
  readonly fault?: 'reset' | 'truncate' | 'hang' | 'stall' | 'raw';
}

/** How a simulator answers. */
export type Answerer = (request: SimulatedRequest) => SimulatedAnswer | Promise<SimulatedAnswer>;

/** Where a simulator listens: by default a free port of 127.0.0.1. */
export interface Place {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** An HTTP server with scripted behaviour that keeps its requests. */
export interface Simulator extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SimulatedRequest[];
  /** Answers for the next requests, in order, instead of the simulator's own; undefined uses its own once. */
  readonly script: (SimulatedAnswer | undefined)[];
  /** A proxy or cache in front of it: the headers that it adds to an answer or replaces. */
  readonly proxy: { headers: ((request: SimulatedRequest) => Readonly<Record<string, string>>) | undefined };
  /** Resolves after this many requests; rejects with the signal's reason when aborted. */
  asked(count: number, signal?: AbortSignal): Promise<void>;
  /** Closes the port and every connection; connections are refused until `back`. */
  away(): Promise<void>;
  /** Listens again, on the same port. */
  back(): Promise<void>;
}

/** Starts a simulator. Its `Date` header follows its clock; `port` 0 means a free one. */
export async function serve(
  answer: Answerer,
  { clock, host = '127.0.0.1', port = 0 }: Place & { readonly clock: Clock },
): Promise<Simulator> {
  const requests: SimulatedRequest[] = [];
  const script: (SimulatedAnswer | undefined)[] = [];
  const proxy: Simulator['proxy'] = { headers: undefined };
  const askers = new Waiters();
  const server = createServer((incoming, response) => {
    // A simulator that throws answers 500 with the error, so that the test shows why.
    reply(incoming, response).catch((error: unknown) =>
      send(response, { status: 500, body: String(error) }, clock),
    );
  });

  async function reply(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(incoming, clock);
    requests.push(request);
    response.once('close', () => {
      request.ended = clock.now();
    });
    askers.check();
    const answered = script.shift() ?? (await answer(request));
    if (answered.delay !== undefined) await clock.sleep(answered.delay);
    send(response, { ...answered, headers: { ...answered.headers, ...proxy.headers?.(request) } }, clock);
  }

  const taken = await listen(server, host, port);
  return {
    url: `http://${host}:${taken}`,
    requests,
    script,
    proxy,
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
  if (fault === 'raw') {
    response.socket?.end(bytes);
    return;
  }
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

/** Lets callers wait for a condition without polling: `check` must be called after every change. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Resolves when `met` returns true, at once if it does now; rejects with the signal's reason when aborted. */
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

/** How a server fails: probabilities, at most one fault per request. */
export interface FaultPlan {
  /** 429 with `Retry-After`, in seconds `retryAfter`. */
  readonly throttle?: number;
  /** 429 without `Retry-After`. */
  readonly throttleMute?: number;
  /** 503 with an HTML page, like a proxy in front of a server that restarts. */
  readonly unavailable?: number;
  readonly reset?: number;
  readonly truncate?: number;
  /** The correct answer, `delay` late. */
  readonly slow?: number;
  /** Seconds. Default 1. */
  readonly retryAfter?: number;
  /** Milliseconds. Default 1000. */
  readonly delay?: number;
}

/** An HTML page instead of JSON, as proxies and login forms send it. */
export const HTML_UNAVAILABLE: SimulatedAnswer = {
  status: 503,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>',
};

/** Makes a server fail at random, in the same way for the same `random`. */
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

/** 429, with `Retry-After` if seconds are given. */
export function throttled(seconds?: number): SimulatedAnswer {
  return {
    status: 429,
    ...(seconds !== undefined && { headers: { 'retry-after': String(seconds) } }),
    body: { message: 'Too many requests' },
  };
}
