import type { CommonOptions, Source } from './source.ts';

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

/** What the state knows a source by. A source's name keeps its type, origin and account for the life of the state. */
export interface SourceIdentity {
  readonly name: string;
  readonly type: string;
  readonly origin: string;
  /** The vendor account that it reads; '' where nothing names it. */
  readonly account: string;
}

/** What of a source's configuration names it. */
export interface Identified {
  readonly name: string;
  readonly definition: Pick<Source, 'id' | 'accountOption'>;
  readonly options: Pick<CommonOptions, 'base_url' | 'account' | 'labels'>;
}

/** The identity of a configured source. */
export function identityOf({ name, definition, options }: Identified): SourceIdentity {
  const own: unknown = Reflect.get(options, definition.accountOption ?? 'account');
  const account = options.account === '' ? String(own) : options.account;
  return { name, type: definition.id, origin: options.base_url, account };
}
