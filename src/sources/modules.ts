import { findPackageJSON, registerHooks } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What a source outside the tree imports from: this program's own kit, so that errors and options are the same classes. */
const KIT = import.meta.url.endsWith('.ts')
  ? () => new URL('_kit/index.ts', import.meta.url).href
  : () => import.meta.resolve('penstock');

/** The folder of a package that is installed beside the file `parent` or above it; undefined when it is not. */
export function packageFolder(name: string, parent: string): string | undefined {
  try {
    const manifest = findPackageJSON(name, pathToFileURL(parent));
    return manifest === undefined ? undefined : dirname(manifest);
  } catch {
    return undefined;
  }
}

/**
 * Imports a module, in which and below which `penstock` is this program. `specifier`: a URL, or a package as the file `parent`
 * would import it. Rejects with what the module throws.
 */
export async function importModule(
  specifier: string,
  parent?: string,
): Promise<{ readonly default?: unknown }> {
  const kit = KIT();
  const hooks = registerHooks({
    resolve(wanted, context, next) {
      if (wanted === 'penstock') return { url: kit, shortCircuit: true };
      if (wanted !== specifier || parent === undefined) return next(wanted, context);
      return next(wanted, { ...context, parentURL: pathToFileURL(parent).href });
    },
  });
  try {
    return (await import(specifier)) as { readonly default?: unknown };
  } finally {
    hooks.deregister();
  }
}
