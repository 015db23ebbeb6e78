import { addDefaults } from './defaults.ts';
import { FileReader, type ReadContext } from './file-reader.ts';
import type { Origin } from './interpolate.ts';
import { Places } from './location.ts';
import type { ParsedFile } from './parse-files.ts';
import type { Problems } from './problems.ts';
import { isRecord, UNITED, type Tree } from './tree.ts';

/**
 * Makes one tree of the files, with `${…}` filled in, `<<` merged, and the options of `defaults` added to the sources of
 * their types. What is wrong is added to `problems`, and the rest is still read.
 */
export function readTree(files: readonly ParsedFile[], origin: Origin, problems: Problems): Tree {
  const context: ReadContext = {
    origin,
    problems,
    places: new Places(),
    substitutions: new Map(),
    unfilled: new Set(),
    count: { values: 0 },
  };
  const readers = files.map((file) => new FileReader(file, context));
  const sections = new Map<string, unknown>();
  for (const reader of readers) {
    for (const [name, section] of reader.sections()) {
      const earlier = sections.get(name);
      const united = UNITED.includes(name) && isRecord(earlier) && isRecord(section);
      sections.set(name, united ? { ...earlier, ...section } : (earlier ?? section));
    }
  }
  const tree = { value: Object.fromEntries(sections), ...context };
  addDefaults(tree);
  return tree;
}
