import { configFlag, type PenstockCommand } from './command.ts';
import { outsideTypes } from './outside-types.ts';
import { examples } from './output.ts';
import { configSchema } from '../config/schema.ts';
import { EXIT } from '../core/errors.ts';
import { loadSources } from '../sources/registry.ts';

/** `penstock schema`: the JSON Schema of the configuration, for editors; with the source types that one names. */
export const schemaCommand: PenstockCommand = {
  describe(command) {
    command.addOption(configFlag());
    return examples(command, [
      'penstock schema > penstock.schema.json',
      'penstock schema -c penstock.yaml > penstock.schema.json',
    ]);
  },

  async run(io, flags) {
    const outside = [...(await outsideTypes(io, flags))].map(([id, { source }]) => [id, source] as const);
    const types = new Map([...(await loadSources()), ...outside]);
    io.stdout.write(`${JSON.stringify(configSchema(types), null, 2)}\n`);
    return EXIT.done;
  },
};
