import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { explainNetworkError, type Phase } from '../http/network-error.ts';
import { type Way, type NetworkError, ExplainedError } from '../http/way.ts';

/** What came back for one export: a response, or why there is none. */
export type ExporterOutcome = ExporterResponse | ExporterFailure;

export interface ExporterResponse {
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

export interface ExporterFailure {
  readonly error: Error;
  /** The whole request was sent, and no response came back within the time-out, or nothing that is HTTP. */
  readonly unanswered?: boolean;
  /** The endpoint looks like a port for gRPC. certain: what it sent is not HTTP/1.1. */
  readonly grpc?: 'certain' | 'likely' | undefined;
}

/** What an operator does when the endpoint is a port for gRPC. */
export const GRPC_ADVICE =
  'This looks like a gRPC port (usually 4317). Set `endpoint` to the port for OTLP over HTTP, usually 4318.';

/** A status that the exporters do not retry. */
const NOT_RETRIED = 400;

/** As much of a body as the exporters read before they give up. A partial success is never larger. */
export const LONGEST_BODY = 4_194_304;

/**
 * One request of an exporter, watched from its agent: the exporters report success for a partial success, an HTML
 * page and a truncated body, and hide status and headers. It also prevents their own retries (up to five requests within
 * their time-out, whatever `Retry-After` says): they see a status and an error code that they do not retry.
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
  #grpcPort = false;
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

  /** What came back so far, in its content coding; undefined before there is a response or an error. */
  get outcome(): ExporterOutcome | undefined {
    if (this.#response === undefined) {
      const likely = this.#sent && usesGrpcPort(this.#way.url) ? 'likely' : undefined;
      const grpc = this.#grpcPort ? 'certain' : likely;
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
      // The exporters stop reading there.
      complete: this.#response.complete || tooLong || this.#switched,
    };
  }

  /** How far it has come. */
  get phase(): Phase {
    return this.#response === undefined ? this.#phase : 'reading';
  }

  /** Ends the request now. */
  abandon(error: Error): void {
    // Node would emit the error once there is a connection, which a proxy may never make.
    const isUnconnected = this.#request.socket === null;
    this.#request.destroy(error);
    if (isUnconnected) this.#request.emit('error', error);
  }

  /** A connection that is used again is ready. */
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

  /** The response has no body, and what follows is another protocol. */
  #switch(response: IncomingMessage): void {
    this.#switched = true;
    this.#response = response;
    this.#status = response.statusCode ?? 0;
  }

  #fail(error: Error & { code?: string; rawPacket?: Uint8Array }): void {
    this.#grpcPort ||= isFromGrpcPort(error, this.#way.url);
    this.#error ??= Object.assign(new ExplainedError(explainNetworkError(error, this.#way)), {
      code: error.code,
    });
    if (error.code !== undefined) error.code = `SEEN_${error.code}`;
  }
}

/** The port that receivers use for OTLP over gRPC. */
const GRPC_PORT = '4317';

/** The first frame of a server that speaks HTTP/2 only, when it is sent HTTP/1.1: SETTINGS or GOAWAY. */
const HTTP2_FIRST_FRAMES = [0x04, 0x07];

/** `rawPacket`: the bytes that are not an HTTP/1.1 response. */
type ParseError = NetworkError & { readonly rawPacket?: Uint8Array };

/** Whether what came back is from a gRPC port: HTTP/2, or bytes that are not HTTP from the usual port of gRPC. */
function isFromGrpcPort({ code = '', rawPacket }: ParseError, url: string): boolean {
  if (!code.startsWith('HPE_')) return false;
  return usesGrpcPort(url) || (rawPacket !== undefined && isHttp2(rawPacket));
}

function usesGrpcPort(url: string): boolean {
  return new URL(url).port === GRPC_PORT;
}

/** A frame of HTTP/2 (RFC 9113 §4.1): 3 bytes of length, its type, flags, and stream 0. */
function isHttp2(bytes: Uint8Array): boolean {
  const [, , , type = 0, , ...stream] = bytes.subarray(0, 9);
  return HTTP2_FIRST_FRAMES.includes(type) && stream.length === 4 && stream.every((byte) => byte === 0);
}
