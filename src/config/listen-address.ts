/** Where to listen: `host:port`, `[::1]:port`, or `:port` for every address. */
export interface ListenAddress {
  /** Undefined: every address of the host. */
  readonly host: string | undefined;
  readonly port: number;
}

const ADDRESS = /^(?:(?<name>[\w.-]+)|\[(?<ipv6>[\da-fA-F:.]+)\])?:(?<port>\d{1,5})$/;
const LAST_PORT = 65_535;

/** Undefined when the text is no address. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const { name, ipv6, port } = ADDRESS.exec(text)?.groups ?? {};
  if (port === undefined || Number(port) > LAST_PORT) return undefined;
  return { host: ipv6 ?? name, port: Number(port) };
}
