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
  /** How many different records arrived since the last `take`. It looks at what came since it was asked last. */
  arrived(): Promise<number>;
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
  let seen = new Seen();
  let requests = 0;
  const lookAtAll = async () => {
    const news = bodies;
    bodies = [];
    await seen.add(news);
  };
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
    async arrived() {
      await lookAtAll();
      return seen.ids.size;
    },
    async take() {
      await lookAtAll();
      const { ids, ...others } = seen;
      seen = new Seen();
      return { ...others, ids: ids.size };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return receiver;
}

/** What was looked at. */
class Seen {
  requests = 0;
  bytes = 0;
  records = 0;
  readonly ids = new Set<string>();
  fields: readonly string[] = [];

  async add(bodies: readonly Body[]): Promise<void> {
    for (const { encoding, contentEncoding, bytes } of bodies) {
      const plain = await decompress(bytes, contentEncoding);
      for (const [, uid = ''] of plain.toString('latin1').matchAll(UID)) {
        this.records += 1;
        // A new string of bytes: a part of the request would keep all of it in memory.
        this.ids.add(Buffer.from(uid, 'hex').toString('latin1'));
      }
      if (this.requests === 0) this.fields = fieldsOf(plain, encoding);
      this.requests += 1;
      this.bytes += bytes.length;
    }
  }
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
