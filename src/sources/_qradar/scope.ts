import type { Quota, Scope } from '../../source.ts';

/** Neither vendor documents a limit (reference/sources.md §1.4). */
export function noDocumentedLimits(): readonly Quota[] {
  return [];
}

/** A console is one stream. */
export async function* wholeConsole(): AsyncGenerator<Scope> {
  yield { id: '' };
}
