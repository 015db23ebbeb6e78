import { create, toBinary, toJson } from '@bufbuild/protobuf';
import type { Clock } from '../core/clock.ts';
import {
  decode,
  decompress,
  type Encoding,
  type ReceivedRecord,
  UndecodableError,
} from './otlp-receiver-decode.ts';
import { exportResponse, status as statusSchema } from './otlp-receiver-schema.ts';
import { serve, type SimulatedAnswer, type SimulatedRequest, type Simulator, Waiters } from './server.ts';

/** An OTLP/HTTP logs receiver on loopback that keeps what it accepted. */
export interface Receiver extends Simulator {
  /** Answers for the next requests, one each, instead of `answer`; undefined uses `answer` once. */
  readonly script: (ReceiverAnswer | undefined)[];
  /** How it answers when the script is empty; may be changed. */
  answer: Answering;
  /** Called with the accepted records of a request, before it is answered; may be changed. */
  onRecords: ((records: readonly ReceivedRecord[]) => void) | undefined;
  /** Every decoded export request with its answer, in order. */
  readonly exports: readonly Export[];
  /** Every accepted record in order, repeats included. */
  received(): readonly ReceivedRecord[];
  /** The accepted records by uid; several of one uid are repeats. */
  ids(): Map<string, ReceivedRecord[]>;
  /**
   * Resolves when so many records were accepted, or when `met` is true of them; rejects with the signal's reason when
   * aborted.
   */
  until(met: number | ((records: readonly ReceivedRecord[]) => boolean), signal?: AbortSignal): Promise<void>;
}

interface Export extends LogsRequest {
  readonly answer: ReceiverAnswer;
  readonly taken: readonly ReceivedRecord[];
}

export interface ReceiverOptions {
  readonly clock: Clock;
  readonly port?: number | undefined;
  /** Default: the Collector's success. */
  readonly answer?: Answering | undefined;
  readonly onRecords?: ((records: readonly ReceivedRecord[]) => void) | undefined;
}

/** The paths of a Collector and of Elasticsearch. */
const PATHS: readonly string[] = ['/v1/logs', '/_otlp/v1/logs'];

/** Starts a receiver: protobuf and JSON, plain and gzip. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const intake = new Intake(options);
  const simulator = await serve((request) => intake.handle(request), options);
  // The intake's script, not the server's: the records of a scripted success must be kept too.
  return Object.assign(intake, simulator, { script: intake.script });
}

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  'application/x-protobuf': 'protobuf',
  'application/json': 'json',
};

/** Decodes requests, answers them, and keeps the accepted records. */
class Intake {
  readonly script: (ReceiverAnswer | undefined)[] = [];
  readonly exports: Export[] = [];
  answer: Answering;
  onRecords: ((records: readonly ReceivedRecord[]) => void) | undefined;
  readonly #records: ReceivedRecord[] = [];
  readonly #waiters = new Waiters();

  constructor({ answer = () => ACCEPTED, onRecords }: ReceiverOptions) {
    this.answer = answer;
    this.onRecords = onRecords;
  }

  received(): readonly ReceivedRecord[] {
    return this.#records;
  }

  ids(): Map<string, ReceivedRecord[]> {
    return Map.groupBy(this.#records, ({ uid }) => uid);
  }

  until(
    met: number | ((records: readonly ReceivedRecord[]) => boolean),
    signal?: AbortSignal,
  ): Promise<void> {
    const holds = typeof met === 'number' ? () => this.#records.length >= met : () => met(this.#records);
    return this.#waiters.until(holds, signal);
  }

  async handle(request: SimulatedRequest): Promise<SimulatedAnswer> {
    if (!PATHS.includes(request.path)) return { status: 404, body: '404 page not found\n' };
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } };
    const type = request.headers['content-type']?.split(';')[0] ?? '';
    const encoding = ENCODINGS[type.trim()];
    if (encoding === undefined) return { status: 415, body: `unsupported media type: ${type}` };
    try {
      const body = await decompress(request.body, request.headers['content-encoding']);
      const logs = { encoding, records: decode(body, encoding), size: body.length, request };
      return encoded(await this.#take(logs), encoding);
    } catch (error) {
      if (error instanceof UndecodableError) return encoded({ status: 400, words: error.message }, encoding);
      throw error;
    }
  }

  async #take(logs: LogsRequest): Promise<ReceiverAnswer> {
    const answer = this.script.shift() ?? (await this.answer(logs));
    const taken = logs.records.filter(takes(answer));
    this.exports.push({ ...logs, answer, taken });
    for (const record of taken) this.#records.push(record);
    if (taken.length > 0) this.onRecords?.(taken);
    this.#waiters.check();
    return answer;
  }
}

/** A receiver's answer to a request. */
export interface ReceiverAnswer extends SimulatedAnswer {
  /** Which records it accepts. Default: all with a 2xx, even if the answer is lost; otherwise none. */
  readonly take?: (record: ReceivedRecord, index: number) => boolean;
  /** A body: the partial success of OTLP in the request's encoding; `{}` is the Collector's plain success. */
  readonly partialSuccess?: { readonly rejected?: number; readonly words?: string };
  /** A body: a `google.rpc.Status` of these words in the request's encoding. */
  readonly words?: string;
}

/** A decoded export request. */
export interface LogsRequest {
  readonly encoding: Encoding;
  readonly records: readonly ReceivedRecord[];
  /** Bytes of the body before compression. */
  readonly size: number;
  readonly request: SimulatedRequest;
}

export type Answering = (request: LogsRequest) => ReceiverAnswer | Promise<ReceiverAnswer>;

type Predicate = (record: ReceivedRecord) => boolean;

/** The Collector's answer when it accepted everything. */
export const ACCEPTED: ReceiverAnswer = { status: 200, partialSuccess: {} };

/** Everything is accepted, but the answer never arrives. */
export const ANSWER_LOST: ReceiverAnswer = { ...ACCEPTED, fault: 'reset' };

/** A login page of a proxy: 200, and nothing is accepted. */
export const HTML_LOGIN: ReceiverAnswer = {
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>',
  take: () => false,
};

/** 200, with the first `rejected` records rejected. */
export function partial(rejected: number, words: string): ReceiverAnswer {
  return { status: 200, partialSuccess: { rejected, words }, take: (_record, index) => index >= rejected };
}

/** Rejects a whole request that contains such a record. */
export function refusing(
  refused: Predicate,
  { status = 400, words = 'record refused' }: { status?: number; words?: string } = {},
): Answering {
  return ({ records }) => (records.some(refused) ? { status, words } : ACCEPTED);
}

/** Rejects a request that is larger before compression: the Collector with 400, others with 413. */
export function limited(bytes: number, status: 400 | 413 = 400): Answering {
  return ({ size }) => (size > bytes ? { status, words: 'http: request body too large' } : ACCEPTED);
}

/**
 * Answers as Loki 3.7 does: 204 without a body; 422 to an empty request; 400 when it refuses a record, although it
 * keeps the others; errors as a protobuf `Status` with only its message, whatever the request's encoding.
 */
export function loki(refused: Predicate = () => false, words = 'entry has timestamp too old'): Answering {
  return ({ records }) => {
    if (records.length === 0) return lokiError(422, 'at least one valid stream is required');
    if (!records.some(refused)) return { status: 204 };
    return { ...lokiError(400, words), take: (record) => !refused(record) };
  };
}

function lokiError(status: number, message: string): ReceiverAnswer {
  return {
    status,
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from(toBinary(statusSchema, create(statusSchema, { message }))),
  };
}

/** Whether a record of a request so answered is kept. */
export function takes(answer: ReceiverAnswer): (record: ReceivedRecord, index: number) => boolean {
  return answer.take ?? (() => answer.status >= 200 && answer.status < 300);
}

/** The answer as bytes, for a request in this encoding. */
export function encoded(answer: ReceiverAnswer, encoding: Encoding): SimulatedAnswer {
  const body = bodyOf(answer, encoding);
  if (body === undefined) return answer;
  const type = encoding === 'json' ? 'application/json' : 'application/x-protobuf';
  return { ...answer, headers: { 'content-type': type, ...answer.headers }, body };
}

function bodyOf({ partialSuccess, words }: ReceiverAnswer, encoding: Encoding): unknown {
  if (partialSuccess !== undefined) {
    const { rejected = 0, words: errorMessage = '' } = partialSuccess;
    const message = create(exportResponse, {
      partialSuccess: { rejectedLogRecords: BigInt(rejected), errorMessage },
    });
    return encoding === 'json'
      ? toJson(exportResponse, message)
      : Buffer.from(toBinary(exportResponse, message));
  }
  if (words === undefined) return undefined;
  const message = create(statusSchema, { message: words });
  return encoding === 'json' ? toJson(statusSchema, message) : Buffer.from(toBinary(statusSchema, message));
}
