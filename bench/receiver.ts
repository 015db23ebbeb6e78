import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { decode, decompress, type Encoding } from '../src/simulators/otlp-receiver-decode.ts';

/** What arrived since the last `take`. */
export interface Arrived {
  readonly requests: number;
  /** Bytes as sent. */
  readonly bytes: number;
  readonly records: number;
  /** Different values of `log.record.uid`. */
  readonly ids: number;
  /** Names of the first record's attributes, sorted. */
  readonly fields: readonly string[];
}

/** A receiver that accepts everything and looks at it only after a run, so that it takes no time from what is measured. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** Requests that arrived so far. */
  readonly requests: number;
  /** Answers 503 while true. */
  refuse: boolean;
  take(): Promise<Arrived>;
}

/** `log.record.uid` in a record: in protobuf four bytes of tags and lengths before the text, in JSON names. */
const UID = /log\.record\.uid(?:.{4}|","value":\{"stringValue":")([0-9a-f]{40})/gs;

interface Body {
  readonly encoding: Encoding;
  readonly contentEncoding: string | undefined;
  readonly bytes: Buffer;
}

export async function startReceiver(): Promise<Receiver> {
  let bodies: Body[] = [];
  let requests = 0;
  const receive = async (incoming: IncomingMessage): Promise<number> => {
    const bytes = await buffer(incoming);
    requests += 1;
    if (receiver.refuse) return 503;
    const encoding = incoming.headers['content-type'] === 'application/json' ? 'json' : 'protobuf';
    bodies.push({ encoding, contentEncoding: incoming.headers['content-encoding'], bytes });
    return 200;
  };
  const server = createServer((incoming, response) => {
    receive(incoming).then(
      (status) => response.writeHead(status).end(),
      (error: Error) => response.destroy(error),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    refuse: false,
    async take() {
      const taken = bodies;
      bodies = [];
      return look(taken);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return receiver;
}

async function look(bodies: readonly Body[]): Promise<Arrived> {
  const ids = new Set<string>();
  let records = 0;
  let fields: readonly string[] | undefined;
  for (const { encoding, contentEncoding, bytes } of bodies) {
    const plain = await decompress(bytes, contentEncoding);
    for (const [, uid = ''] of plain.toString('latin1').matchAll(UID)) {
      records += 1;
      // A new string of bytes: a part of the request would keep all of it in memory.
      ids.add(Buffer.from(uid, 'hex').toString('latin1'));
    }
    fields ??= fieldsOf(plain, encoding);
  }
  const total = bodies.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return { requests: bodies.length, bytes: total, records, ids: ids.size, fields: fields ?? [] };
}

function fieldsOf(body: Buffer, encoding: Encoding): readonly string[] {
  const [first] = decode(body, encoding);
  return first === undefined ? [] : Object.keys(first.record.attributes).toSorted();
}

/** @throws when something is missing or arrived twice */
export function requireEach({ records, ids }: Arrived, rows: number, what: string): void {
  if (records === rows && ids === rows) return;
  throw new Error(`${what}: ${rows} rows, but ${records} records with ${ids} different ids arrived.`);
}
