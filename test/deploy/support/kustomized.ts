import { type Manifest, manifests } from './manifest.ts';
import type { Folder } from './render.ts';
import { succeed } from './run.ts';

/** Where manifests and their kustomization are. */
export function pathOf(folder: Folder): string {
  return new URL(`../../../deploy/kubernetes/${folder}`, import.meta.url).pathname;
}

/** What `kubectl kustomize` makes of a folder; `tools` is what the recipe `kubernetes` built. */
export async function kustomized(tools: string, folder: Folder): Promise<Manifest[]> {
  return manifests(await succeed(`${tools}/kubectl`, ['kustomize', pathOf(folder)]));
}
