/** What a credential may see: everything, nothing, or one user's own rows. */
export type Right = 'admin' | 'forbidden' | { readonly userId: number | bigint };

export interface Credentials {
  /** Authorised service tokens, sent in `SEC`. */
  readonly tokens: ReadonlyMap<string, Right>;
  /** An administrator who signs in by HTTP Basic. */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Who asks: the right of a known credential, or undefined; and the name, where it was HTTP Basic, right or wrong. */
export interface Caller {
  readonly right: Right | undefined;
  readonly basicName?: string;
}

export function callerOf(
  headers: Readonly<Record<string, string | undefined>>,
  { tokens, username, password }: Credentials,
): Caller {
  const token = headers['sec'];
  if (token !== undefined) return { right: tokens.get(token) };
  const [, encoded] = /^Basic (.+)$/i.exec(headers['authorization'] ?? '') ?? [];
  if (encoded === undefined) return { right: undefined };
  const pair = Buffer.from(encoded, 'base64').toString();
  const known = username !== undefined && pair === `${username}:${password ?? ''}`;
  return { right: known ? 'admin' : undefined, basicName: pair.slice(0, pair.indexOf(':')) };
}
