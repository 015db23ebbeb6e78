/** What names a stream, whatever its source is called. */
export interface StreamNames {
  /** Source type. */
  readonly type: string;
  /** Normalised `base_url`. */
  readonly origin: string;
  /** The vendor account that is read; '' where nothing names it. */
  readonly account: string;
  /** The vendor's id of the part that is read; '' for all of it. */
  readonly scope: string;
}

/**
 * The key of a stream in the state: `type|origin|scope`, and `type|origin|account|scope` with an account. No two streams
 * have one key: no part before the scope holds a `|`, and an empty account is written out when the scope holds one.
 */
export function streamKey({ type, origin, account, scope }: StreamNames): string {
  const place = `${type}|${origin.replaceAll('|', '%7C')}`;
  if (account === '' && !scope.includes('|')) return `${place}|${scope}`;
  return `${place}|${account.replaceAll('%', '%25').replaceAll('|', '%7C')}|${scope}`;
}
