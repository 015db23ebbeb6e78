import { builtBy } from '../../support/recipes.ts';

/** A real receiver that a recipe builds. */
export type Receiver = 'collector' | 'opensearch' | 'victorialogs';

/** Real receivers, built first where they are not. */
export function built<Name extends Receiver>(...receivers: readonly Name[]) {
  return builtBy(new URL('../build.sh', import.meta.url), receivers);
}
