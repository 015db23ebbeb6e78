import { builtBy } from '../../support/recipes.ts';

/** What a recipe builds: the API server with kubectl, Helm, and Compose's loader. */
export type Tool = 'kubernetes' | 'helm' | 'compose';

/** Tools to check manifests with, built first where they are not. */
export function tools<Name extends Tool>(...names: readonly Name[]) {
  return builtBy(new URL('../build.sh', import.meta.url), names);
}
