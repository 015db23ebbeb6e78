import type { PenstockCommand } from './command.ts';
import { examples } from './output.ts';
import { configSchema } from '../config/schema.ts';
import { EXIT } from '../core/errors.ts';
import { loadSources } from '../sources/registry.ts';

/** `penstock schema`: the JSON Schema of the configuration, for editors. */
export const schemaCommand: PenstockCommand = {
  describe(command) {
    return examples(command, ['penstock schema > penstock.schema.json']);
  },

  async run(io) {
    io.stdout.write(`${JSON.stringify(configSchema(await loadSources()), null, 2)}\n`);
    return EXIT.done;
  },
};
