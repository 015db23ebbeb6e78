import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, type AgentOptions, type ClientRequest, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, type ConnectionOptions, getCACertificates } from 'node:tls';
import type { TlsConfig } from '../config/types.ts';
import { unreadable, unusable } from '../http/pem.ts';
import { OwnWords } from '../http/network-error.ts';
import type { Proxy } from '../config/proxies.ts';
import { guardResponse } from './guard-response.ts';
import { sendWhole } from './whole-body.ts';

interface AgentSettings {
  readonly tls: TlsConfig;
  /** Undefined: none. What this process's own variables say counts for nothing here. */
  readonly proxy: Proxy | undefined;
  /** Called with every request before it is sent. */
  readonly onRequest: (request: ClientRequest) => void;
}

type Connected = (error: Error | null, socket: Duplex) => void;

/** The hook by which Node hands a request to its agent; not in its type declarations. */
interface Addressable {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}

/**
 * An agent for the exporters' `httpAgentOptions` factory: shows each request to `onRequest`, gives each its
 * `Content-Length`, takes TLS settings and a proxy, which the exporters' own agents do not know. Certificates are read for every
 * connection, so that a renewed one is used without a restart.
 *
 * @param protocol `http:` or `https:`
 */
export function watchingAgent(
  protocol: string,
  { tls, proxy, onRequest }: AgentSettings,
): HttpAgent | HttpsAgent {
  const url = proxy?.url.reveal();
  const proxyEnv = url === undefined ? {} : { http_proxy: url, https_proxy: url };
  const options: AgentOptions = { keepAlive: true, maxSockets: 1, proxyEnv };
  const agent = protocol === 'http:' ? new HttpAgent(options) : new TlsAgent(options, tls);
  const addressable = agent as unknown as Addressable;
  const addRequest = addressable.addRequest.bind(agent);
  addressable.addRequest = (request, ...rest) => {
    sendWhole(request);
    onRequest(request);
    // After whoever watches, who thus sees the response before the error that is made of it.
    guardResponse(request);
    addRequest(request, ...rest);
  };
  return agent;
}

class TlsAgent extends HttpsAgent {
  readonly #tls: TlsConfig;

  constructor(options: AgentOptions, tls: TlsConfig) {
    super(options);
    this.#tls = tls;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    try {
      return super.createConnection({ ...options, ...connectionOptions(this.#tls) }, connected);
    } catch (error) {
      // A file that cannot be read (a mount that is being swapped) fails this request, not the process.
      const failure = error instanceof OwnWords ? error : unusable(error);
      connected?.(failure, undefined as unknown as Duplex);
      return undefined;
    }
  }
}

/** @throws Error in our words when a file cannot be read */
function connectionOptions({
  ca_file,
  cert_file,
  key_file,
  key_passphrase,
  server_name,
  insecure_skip_verify,
}: TlsConfig) {
  const options: ConnectionOptions = { rejectUnauthorized: insecure_skip_verify !== true };
  if (ca_file != null) options.ca = [...getCACertificates('default'), read('ca_file', ca_file)];
  if (cert_file != null) options.cert = read('cert_file', cert_file);
  if (key_file != null) options.key = read('key_file', key_file);
  if (key_passphrase != null) {
    key_passphrase.refresh();
    options.passphrase = key_passphrase.reveal();
  }
  if (server_name != null) {
    options.checkServerIdentity = (_host, shown) => checkServerIdentity(server_name, shown);
    // A server name that is an address may be checked, but not asked for (RFC 6066 §3).
    if (isIP(server_name) === 0) options.servername = server_name;
  }
  return options;
}

function read(option: 'ca_file' | 'cert_file' | 'key_file', path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(option, error);
  }
}
