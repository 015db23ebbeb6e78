import type { SourceIdentity } from '../journal/journal.ts';
import type { SourceConfig } from './types.ts';

/** What the state knows a source by. */
export function identityOf({ name, definition, options }: SourceConfig): SourceIdentity {
  return { name, type: definition.id, origin: options.base_url };
}
