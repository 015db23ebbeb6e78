import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { networkWords, OwnWords } from '../http/network-error.ts';
import type { Phase } from '../http/phase.ts';
import type { Way } from '../http/way.ts';
import { answersAsGrpc, onGrpcPort } from './grpc.ts';

/** What came back for one export: an answer, or why there is none. */
export type Seen = SeenAnswer | SeenFailure;

export interface SeenAnswer {
  readonly status: number;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Without its content coding. */
  readonly body: Buffer;
  /** Why the body is not whole, or still in its content coding; undefined when it can be read. */
  readonly undecoded?: string;
  /** False: the connection ended in the middle of the body. */
  readonly complete: boolean;
}

export interface SeenFailure {
  readonly error: Error;
  /** The whole request was sent, and within the time-out nothing came back, or nothing that is an answer. */
  readonly unanswered?: boolean;
  /** The endpoint looks like a port for gRPC. certain: what it sent is no HTTP/1.1. */
  readonly grpc?: 'certain' | 'likely' | undefined;
}

/** A status that the exporters do not try again by themselves. */
const NOT_RETRIED = 400;

/** As much of a body as the exporters read before they give up; holds any partial success. */
export const LONGEST_BODY = 4_194_304;

/**
 * One request of an exporter, watched from its agent: the exporters report success for a partial success, an HTML
 * page and a truncated body, and hide status and headers. It also defuses their own retry (up to five requests within
 * their time-out, whatever `Retry-After` says) by showing them a status and an error code that they do not retry.
 */
export class Exchange {
  readonly #request: ClientRequest;
  readonly #way: Way;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #response: IncomingMessage | undefined;
  #status = 0;
  #sent = false;
  #switched = false;
  #grpc = false;
  #error: Error | undefined;
  #phase: Phase = 'connecting';

  /** `way`: where the request goes. */
  constructor(request: ClientRequest, way: Way) {
    this.#request = request;
    this.#way = way;
    request.once('socket', (socket) => this.#follow(socket));
    request.prependOnceListener('response', (response) => this.#watch(response));
    request.prependOnceListener('upgrade', (response: IncomingMessage) => this.#switch(response));
    request.prependListener('error', (error) => this.#fail(error));
    request.once('finish', () => {
      this.#sent = true;
    });
  }

  /** What was seen so far, in its content coding; undefined before there is an answer or an error. */
  get seen(): Seen | undefined {
    if (this.#response === undefined) {
      const likely = this.#sent && onGrpcPort(this.#way.url) ? 'likely' : undefined;
      const grpc = this.#grpc ? 'certain' : likely;
      return this.#error && { error: this.#error, unanswered: this.#sent, grpc };
    }
    const tooLong = this.#length > LONGEST_BODY;
    const headers = Object.entries(this.#response.headersDistinct).map(([name, values = []]) => [
      name,
      values.join(', '),
    ]);
    return {
      status: this.#status,
      headers: Object.fromEntries(headers) as Record<string, string>,
      body: Buffer.concat(this.#chunks),
      ...(tooLong && { undecoded: 'it is larger than 4 MiB' }),
      // The exporters do not read on, whatever would come.
      complete: this.#response.complete || tooLong || this.#switched,
    };
  }

  /** How far it has come. */
  get phase(): Phase {
    return this.#response === undefined ? this.#phase : 'reading';
  }

  /** Ends the request now. */
  abandon(error: Error): void {
    // Node would tell of it once there is a connection, which a proxy may never make.
    const isUnconnected = this.#request.socket === null;
    this.#request.destroy(error);
    if (isUnconnected) this.#request.emit('error', error);
  }

  /** A connection that is used again is there already. */
  #follow(socket: Socket): void {
    const ready = () => {
      this.#phase = 'waiting';
    };
    const handshake = () => {
      this.#phase = 'tls';
      socket.once('secureConnect', ready);
    };
    const secure = socket instanceof TLSSocket;
    if (socket.connecting) socket.once('connect', secure ? handshake : ready);
    else if (secure && !socket.authorized && socket.getProtocol() === null) handshake();
    else ready();
  }

  #watch(response: IncomingMessage): void {
    this.#response = response;
    this.#status = response.statusCode ?? 0;
    if (this.#status > 299) response.statusCode = NOT_RETRIED;
    response.on('data', (chunk: Buffer) => {
      this.#length += chunk.length;
      if (this.#length <= LONGEST_BODY) this.#chunks.push(chunk);
    });
  }

  /** There is no body, and nothing that is understood follows. */
  #switch(response: IncomingMessage): void {
    this.#switched = true;
    this.#response = response;
    this.#status = response.statusCode ?? 0;
  }

  #fail(error: Error & { code?: string }): void {
    this.#grpc ||= answersAsGrpc(error, this.#way.url);
    this.#error ??= Object.assign(new OwnWords(networkWords(error, this.#way)), { code: error.code });
    if (error.code !== undefined) error.code = `SEEN_${error.code}`;
  }
}
