import type { Clock } from '../core/clock.ts';
import {
  ACCEPTED,
  type Answering,
  encoded,
  type LogsRequest,
  type ReceiverAnswer,
  takes,
} from './otlp-receiver-answers.ts';
import {
  decode,
  decompress,
  type Encoding,
  type ReceivedRecord,
  UndecodableError,
} from './otlp-receiver-decode.ts';
import { serve, type SimulatedAnswer, type SimulatedRequest, type Simulator } from './server.ts';
import { Waiters } from './waiters.ts';

/** An OTLP/HTTP logs receiver on loopback, which remembers what it took. */
export interface Receiver extends Simulator {
  /** Answers given first, one to a request, instead of `answer`; undefined lets one request through. */
  readonly script: (ReceiverAnswer | undefined)[];
  /** How it answers when the script is empty; may be changed. */
  answer: Answering;
  /** Called with the records of a request that were taken, before it is answered; may be changed. */
  onRecords: ((records: readonly ReceivedRecord[]) => void) | undefined;
  /** Every export request that could be decoded, with its answer, in order. */
  readonly exports: readonly Export[];
  /** Every record taken, in order, repeats too. */
  received(): readonly ReceivedRecord[];
  /** The records taken, by uid: more than one are repeats. */
  ids(): Map<string, ReceivedRecord[]>;
  /**
   * Resolves when so many records were taken, or when `met` holds of them; rejects with the signal's reason when
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

/** Where a Collector takes logs, and where Elasticsearch does. */
const PATHS: readonly string[] = ['/v1/logs', '/_otlp/v1/logs'];

/** Starts a receiver of logs: protobuf and JSON, plain and gzip. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const intake = new Intake(options);
  const simulator = await serve((request) => intake.handle(request), options);
  // The intake's script, not the server's: what a scripted success takes must be kept too.
  return Object.assign(intake, simulator, { script: intake.script });
}

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  'application/x-protobuf': 'protobuf',
  'application/json': 'json',
};

/** Decodes, answers, remembers. */
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
