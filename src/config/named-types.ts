import { readConfig } from './files.ts';
import type { LoadOptions } from './load.ts';
import { loadOutsideTypes, type OutsideTypes } from './outside-types.ts';
import { identify, Problems } from './problems.ts';
import { fileReader } from './referenced-files.ts';
import { checkBlock } from './schema-errors.ts';
import { settingsSchema } from './settings.ts';
import { readTree } from './tree.ts';
import { parseFiles } from './yaml.ts';

/**
 * The source types that a configuration names, by id. The rest of it need not be valid.
 * @throws ConfigError with everything that is wrong with `types`, or when the file cannot be read
 */
export async function loadNamedTypes(
  file: string,
  { env, types, loadType, cwd }: Required<Omit<LoadOptions, 'file'>>,
): Promise<OutsideTypes['types']> {
  const problems = new Problems();
  const files = parseFiles(await readConfig(file, cwd), problems);
  problems.throwIfAny();
  const ofTheRest = new Problems();
  const tree = readTree(files, { env, readFile: fileReader(cwd) }, ofTheRest);
  const names = tree.value['types'];
  if (Array.isArray(names) && names.some((_, index) => tree.unfilled.has(identify(['types', index]))))
    ofTheRest.throwIfAny();
  checkBlock(settingsSchema.shape.types, ['types'], tree, problems);
  const outside = await loadOutsideTypes(tree, { types, loadType, cwd }, problems);
  problems.throwIfAny();
  return outside.types;
}
