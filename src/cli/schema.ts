import { configSchema } from '../config/schema.ts';
import { EXIT } from '../core/errors.ts';
import { loadSources } from '../sources/registry.ts';
import { examples } from './flags.ts';
import type { PenstockCommand } from './program.ts';

/** `penstock schema`: the JSON Schema of the configuration, for editors. */
export const schemaCommand: PenstockCommand = {
  describe(command) {
    command.name('schema').description('Print the JSON Schema of the configuration.');
    return examples(command, ['penstock schema > penstock.schema.json']);
  },

  async run(io) {
    io.stdout.write(`${JSON.stringify(configSchema(await loadSources()), null, 2)}\n`);
    return EXIT.done;
  },
};
