import { StateError } from '../core/errors.ts';
import type { SourceIdentity } from '../core/stream-key.ts';

/** What a state knows of a source by its name. Null: only when it is due next. */
export interface KnownSource {
  readonly type: string | null;
  readonly origin: string | null;
  readonly account: string | null;
}

/**
 * Refuses a name that now stands for another source: its cursors would be read as another vendor's.
 * @param setting names the place of the state, for advice: `state.path`
 * @throws StateError
 */
export function requireSameSource(
  source: SourceIdentity,
  known: KnownSource | undefined,
  setting: string,
): void {
  if (known === undefined || known.type === null) return;
  const { name, type, origin, account } = source;
  if (known.type === type && known.origin === origin && known.account === account) return;
  throw new StateError(
    `The state knows source ${name} as ${inWords(known)}, but the configuration says ${inWords(source)}. Choose: give the new source another name; ` +
      `put type, base_url and account back; forget what is known of it with: penstock state reset ${name}; or use another ${setting}.`,
  );
}

function inWords({ type, origin, account }: KnownSource): string {
  return `${type} at ${origin}${account === '' ? '' : `, account ${account}`}`;
}
