import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Clock } from '../clock.ts';
import { toJson } from '../json.ts';

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
  /** reset: the connection is torn down unanswered; truncate: half of the body, then torn down; hang: no answer until closed. */
  readonly fault?: 'reset' | 'truncate' | 'hang';
}

/** A loopback HTTP server that behaves as told, and remembers what it was asked. */
export interface Simulator extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SimulatedRequest[];
  /** Answers given, first in first out, instead of the simulator's own; undefined in the list lets one request through. */
  readonly script: (SimulatedAnswer | undefined)[];
}

/** Starts a simulator on 127.0.0.1. Its `Date` header is its clock's; `port` 0 takes a free one. */
export async function serve(
  answer: (request: SimulatedRequest) => SimulatedAnswer | Promise<SimulatedAnswer>,
  { clock, port = 0 }: { clock: Clock; port?: number },
): Promise<Simulator> {
  const requests: SimulatedRequest[] = [];
  const script: (SimulatedAnswer | undefined)[] = [];
  const server = createServer((incoming, response) => {
    // A simulator that throws answers 500 with the error, so that the test which caused it sees why.
    reply(incoming, response).catch((error: unknown) =>
      send(response, { status: 500, body: String(error) }, clock),
    );
  });

  async function reply(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await read(incoming, clock);
    requests.push(request);
    send(response, script.shift() ?? (await answer(request)), clock);
  }

  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    script,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
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
  response.end(bytes);
}
