import type { Quota, Scope } from '../../core/source.ts';

/** Neither vendor documents a limit of requests. */
export function noDocumentedLimits(): readonly Quota[] {
  return [];
}

/** A console is one stream. */
export async function* wholeConsole(): AsyncGenerator<Scope> {
  yield { id: '' };
}
