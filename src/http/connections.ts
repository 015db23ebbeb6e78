import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createSecureContext, getCACertificates, type ConnectionOptions } from 'node:tls';
import { Agent, buildConnector, ProxyAgent, type Dispatcher } from 'undici';
import type { TlsConfig } from '../config/types.ts';
import { MAX_HEADER_BYTES, type Phase } from './network-error.ts';
import { unreadable, unusable, verificationOptions } from './tls-options.ts';
import { type Way, ExplainedError } from './way.ts';

interface ConnectionSettings {
  readonly way: Pick<Way, 'tls' | 'proxy'>;
  /** Time limit for making a connection. Milliseconds. */
  readonly timeout: number;
}

interface Pem {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

/** The connections of one source. The files of `tls` are read before every request, so a renewed certificate needs no restart. */
export class Connections implements AsyncDisposable {
  readonly #settings: ConnectionSettings;
  #current: { readonly pem: string; readonly dispatcher: Dispatcher } | undefined;
  #phase: Phase = 'connecting';

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** How far the latest connection attempt has come. */
  get phase(): Phase {
    return this.#phase;
  }

  /** @throws Error that names the setting whose file cannot be read or used. */
  async dispatcher(): Promise<Dispatcher> {
    const pem = await readPem(this.#settings.way.tls);
    const fingerprint = JSON.stringify(pem);
    const before = this.#current;
    if (before?.pem === fingerprint) return before.dispatcher;
    const dispatcher = open(this.#settings, pem, (phase) => {
      this.#phase = phase;
    });
    this.#current = { pem: fingerprint, dispatcher };
    // Closes when its requests have ended; nobody needs to wait for that.
    before?.dispatcher.close().catch(() => undefined);
    return dispatcher;
  }

  /** Closes every connection, also with requests on it; the next request makes a new one. */
  abandon(): void {
    // It may never settle, which is why nobody waits for it.
    this.#current?.dispatcher.destroy().catch(() => undefined);
    this.#current = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current?.dispatcher.destroy();
    this.#current = undefined;
  }
}

async function readPem(tls: TlsConfig): Promise<Pem> {
  const files = { ca: tls.ca_file, cert: tls.cert_file, key: tls.key_file };
  const pem: Record<string, string> = {};
  for (const [name, path] of Object.entries(files)) {
    if (path == null) continue;
    try {
      pem[name] = await readFile(path, 'utf8');
    } catch (error) {
      throw unreadable(`${name as keyof typeof files}_file`, error);
    }
  }
  tls.key_passphrase?.refresh();
  const passphrase = tls.key_passphrase?.reveal();
  return { ...pem, ...(passphrase === undefined ? {} : { passphrase }) };
}

type Note = (phase: Phase) => void;

function open({ way: { tls, proxy: found }, timeout }: ConnectionSettings, pem: Pem, note: Note): Dispatcher {
  const connect = { ...tlsOptions(tls, pem), timeout, allowH2: false };
  const options = {
    connect,
    requestTls: connect,
    connectTimeout: timeout,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    // `exchange` limits the time of the whole request.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  if (found === undefined) return new Agent({ ...options, connect: watched(buildConnector(connect), note) });
  // Kept out of the URL, so that no error of the library can show it.
  const token = found.credential && `Basic ${Buffer.from(found.credential.reveal()).toString('base64')}`;
  return new ProxyAgent({ ...options, uri: found.origin, ...(token === undefined ? {} : { token }) });
}

/** A connector that reports when it begins to connect, and when the TLS handshake begins. */
function watched(connector: buildConnector.connector, note: Note): buildConnector.connector {
  return (options, callback) => {
    note('connecting');
    // It returns the socket, although its type declarations do not say so.
    const socket = connector(options, callback) as unknown as Socket;
    if (options.protocol === 'https:') socket.once('connect', () => note('tls'));
    return socket;
  };
}

function tlsOptions(
  tls: TlsConfig,
  { ca, cert, key, passphrase }: Pem,
): Pick<ConnectionOptions, 'secureContext' | 'servername' | 'checkServerIdentity' | 'rejectUnauthorized'> {
  const isDefault = ca === undefined && cert === undefined;
  return {
    ...(isDefault ? {} : { secureContext: secureContext({ ca, cert, key, passphrase }) }),
    ...verificationOptions(tls),
  };
}

function secureContext({ ca, cert, key, passphrase }: { [Name in keyof Pem]: string | undefined }) {
  // OpenSSL silently accepts a file without certificates as an empty list.
  if (ca !== undefined && !ca.includes('CERTIFICATE-----')) {
    throw new ExplainedError('the file of tls.ca_file contains no PEM certificate. Replace it');
  }
  try {
    return createSecureContext({
      ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (error) {
    throw unusable(error);
  }
}
