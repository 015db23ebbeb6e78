/** One message of PostgreSQL's protocol 3.0: its type (empty for the first one of a connection), and all of its bytes. */
export interface PostgresMessage {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Cuts a stream of bytes into messages. A client's messages have no type until its first real one was read. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);
  #typed: boolean;

  constructor(from: 'client' | 'server') {
    this.#typed = from === 'server';
  }

  *read(chunk: Buffer): Generator<PostgresMessage> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let message = this.#next(); message !== undefined; message = this.#next()) yield message;
  }

  #next(): PostgresMessage | undefined {
    const start = this.#typed ? 1 : 0;
    if (this.#rest.length < start + 4) return undefined;
    const end = start + this.#rest.readUInt32BE(start);
    if (this.#rest.length < end) return undefined;
    const bytes = this.#rest.subarray(0, end);
    this.#rest = this.#rest.subarray(end);
    const type = this.#typed ? String.fromCharCode(bytes[0] ?? 0) : '';
    this.#typed ||= !asksForEncryption({ type, bytes });
    return { type, bytes };
  }
}

/** Whether a client asks if the connection can be encrypted (`SSLRequest`, `GSSENCRequest`), before its first message. */
export function asksForEncryption({ type, bytes }: PostgresMessage): boolean {
  return type === '' && bytes.length === 8 && ENCRYPTION.has(bytes.readUInt32BE(4));
}

const ENCRYPTION: ReadonlySet<number> = new Set([80_877_103, 80_877_104]);

/** The SQL of a message that brings some: a simple query, or the text of a prepared statement. */
export function sqlOf({ type, bytes }: PostgresMessage): string | undefined {
  if (type !== 'Q' && type !== 'P') return undefined;
  // Behind type and length; a prepared statement has a name before its text.
  const from = type === 'Q' ? 5 : bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', from, bytes.indexOf(0, from));
}

/** Whether the server answers this message of a client with `ReadyForQuery`. */
export function endsInReady({ type }: PostgresMessage): boolean {
  return type === 'Q' || type === 'S';
}
