import type { NetworkError } from './network-error.ts';
import type { Proxy } from '../config/proxies.ts';
import { proxyName, serverOf, type Way } from './way.ts';

/** Why a proxy could not be reached, by the codes of Node and undici. With a proxy, no other host is connected to. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refused the connection',
  ENOTFOUND: 'its host name was not found (DNS)',
  EAI_AGAIN: 'its host name could not be looked up, since the name servers (DNS) gave no answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  EHOSTDOWN: 'there is no route to it',
  ETIMEDOUT: 'connecting to it timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connecting to it timed out',
};

/** What a proxy had against the request, in words that name it and its setting; undefined for an error of something else. */
export function proxyFailure(error: NetworkError, way: Way): string | undefined {
  const { proxy } = way;
  if (proxy === undefined) return undefined;
  const { code = '' } = error;
  const why = UNREACHABLE[code];
  if (why !== undefined) {
    return `the proxy ${proxyName(proxy)} is unreachable: ${why}. Check that it is up, and its address in ${proxy.setting}`;
  }
  const status = statusOf(error);
  if (status !== undefined) return proxyRefusal(proxy, status, serverOf(way));
  if (code === 'UND_ERR_PRX_CONN' || code === 'ERR_PROXY_TUNNEL') {
    return `the proxy ${proxyName(proxy)} closed the connection before it connected ${serverOf(way)}. Check that it is a proxy, and whether ${proxy.setting} must begin with https://`;
  }
  return undefined;
}

/** What the status with which a proxy answers itself means. */
export function proxyRefusal(proxy: Proxy, status: number, server: string): string {
  const name = `the proxy ${proxyName(proxy)}`;
  if (status === 407 && proxy.credential === undefined) {
    return `${name} requires a user and a password (407). Write them into ${proxy.setting}, as in http://user:password@host:port`;
  }
  if (status === 407)
    return `${name} refused the user or the password in ${proxy.setting} (407). Correct them`;
  const what = `${name} refused the connection to ${server} (HTTP ${status})`;
  return status >= 500
    ? `${what}: it could not reach it. Check the address, and what the proxy may reach`
    : `${what}. Have the proxy allow it, or name the host in NO_PROXY`;
}

/** What undici and Node say of it is only in their messages. */
function statusOf({ message, code, statusCode }: NetworkError): number | undefined {
  if (code === 'ERR_PROXY_TUNNEL' && statusCode !== undefined) return statusCode;
  if (message === 'Proxy Authentication Required (407)') return 407;
  const [, status] = /^Proxy response \((\d+)\) !== 200/.exec(message) ?? [];
  return status === undefined ? undefined : Number(status);
}
