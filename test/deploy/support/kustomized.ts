import { type Manifest, manifests } from './manifest.ts';
import type { Shape } from './render.ts';
import { succeed } from './run.ts';

/** Where a shape's manifests and its kustomization are. */
export function folderOf(shape: Shape): string {
  return new URL(`../../../deploy/kubernetes/${shape}`, import.meta.url).pathname;
}

/** What `kubectl kustomize` makes of a shape's folder; `tools` is what the recipe `kubernetes` built. */
export async function kustomized(tools: string, shape: Shape): Promise<Manifest[]> {
  return manifests(await succeed(`${tools}/kubectl`, ['kustomize', folderOf(shape)]));
}
