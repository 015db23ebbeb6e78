import type { SourceIdentity } from '../journal/journal.ts';
import type { CommonOptions, Source } from '../core/source.ts';
import type { SourceConfig } from './types.ts';

/** What of a source's configuration names it. */
export interface Identified extends Pick<SourceConfig, 'name'> {
  readonly definition: Pick<Source, 'id' | 'accountOption'>;
  readonly options: Pick<CommonOptions, 'base_url' | 'account' | 'labels'>;
}

/** What the state knows a source by. */
export function identityOf({ name, definition, options }: Identified): SourceIdentity {
  const own: unknown = Reflect.get(options, definition.accountOption ?? 'account');
  const account = options.account === '' ? String(own) : options.account;
  return { name, type: definition.id, origin: options.base_url, account };
}
