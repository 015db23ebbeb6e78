import { BlockList, isIP, isIPv4 } from 'node:net';

/** Whether a host is asked without a proxy. `host` as in a URL; an IPv6 address may stand in brackets. */
export type Bypass = (host: string, port: number) => boolean;

const HOST = /^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*$/u;

/**
 * Reads `NO_PROXY`: entries separated by commas or blanks, each with a port or without one. `example.com` and
 * `.example.com` are the domain and what is below it, `*.example.com` is what is below it, `*` is everything; an address,
 * a network (`10.0.0.0/8`, `fd00::/8`) or a range (`10.0.0.1-10.0.0.9`) is what it says.
 * @throws Error that begins with `expected` and quotes the entry that is none of these.
 */
export function parseNoProxy(text: string): Bypass {
  const entries = text
    .replaceAll(/(?<=[\d:a-f])\s+-\s+(?=[\d:a-f])/gi, '-')
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry);
  return (host, port) => {
    const name = bare(host);
    return entries.some((matches) => matches(name, port));
  };
}

function parseEntry(entry: string): Bypass {
  const { host, port } = splitPort(entry);
  const matches = host === '*' ? () => true : (matchAddress(host) ?? matchName(host));
  if (matches === undefined || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new Error(
      `expected hosts, domains, addresses, networks (10.0.0.0/8) or ranges (10.0.0.1-10.0.0.9), not \`${entry}\``,
    );
  }
  return (name, at) => (port === undefined || port === at) && matches(name);
}

/** `host:80`, `[::1]:80`; an IPv6 address without brackets has no port. */
function splitPort(entry: string): { readonly host: string; readonly port: number | undefined } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  const host = bracketed ?? plain;
  return host === undefined
    ? { host: entry, port: undefined }
    : { host, port: port === undefined ? undefined : Number(port) };
}

/** Undefined when it is no address, network or range. */
function matchAddress(text: string): ((host: string) => boolean) | undefined {
  const list = new BlockList();
  const [first = '', bits, ...rest] = text.split('/');
  const [from = '', to] = text.split('-');
  try {
    if (bits === undefined && isIP(text) !== 0) list.addAddress(text, family(text));
    else if (rest.length === 0 && isIP(first) !== 0 && /^\d{1,3}$/.test(bits ?? ''))
      list.addSubnet(first, Number(bits), family(first));
    else if (isIP(from) !== 0 && to !== undefined && isIP(to) === isIP(from))
      list.addRange(from, to, family(from));
    else return undefined;
  } catch {
    // A prefix that is too long, or a range that ends before it begins.
    return undefined;
  }
  return (host) => isIP(host) !== 0 && list.check(host, family(host));
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** Undefined when no host can be meant, also by what only looks like an address (`10.`, `192.168`). */
function matchName(text: string): ((host: string) => boolean) | undefined {
  const domain = text
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/(?<=[^.\d])\.$/, '');
  if (!HOST.test(domain) || /^[\d.]+(?:-[\d.]+)?$/.test(domain)) return undefined;
  const belowOnly = text.startsWith('*');
  return (host) => (!belowOnly && host === domain) || host.endsWith(`.${domain}`);
}

function bare(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}
