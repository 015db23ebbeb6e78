import { Argument } from 'commander';
import { jsonFlag, type PenstockCommand } from './command.ts';
import { examples, jsonLine, table, wantsJson } from './output.ts';
import type { OptionRow } from './source-options.ts';
import { didYouMean } from '../config/problems.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { sourceLoaders } from '../sources/registry.ts';
import { sourceSummaries } from '../sources/summaries.ts';

/** `penstock sources [TYPE]`: the source types, or the options of one. */
export const sourcesCommand: PenstockCommand = {
  describe(command) {
    command.addArgument(new Argument('[type]', 'a source type')).addOption(jsonFlag());
    return examples(command, [
      'penstock sources',
      'penstock sources qradar-login-attempts',
      'penstock sources --json',
    ]);
  },

  async run(io, flags, [type]) {
    const json = wantsJson(io, flags);
    const rows = type === undefined ? await sourceSummaries() : await optionsOf(type);
    if (json) for (const row of rows) jsonLine(io.stdout, row);
    else
      io.stdout.write(
        table(
          Object.keys(rows[0] ?? {}),
          rows.map((row) => Object.values(row)),
        ),
      );
    return EXIT.done;
  },
};

/** @throws ConfigError when there is no such type */
async function optionsOf(type: string): Promise<readonly OptionRow[]> {
  const types = await sourceLoaders();
  const load = types.get(type);
  if (load !== undefined) return (await import('./source-options.ts')).optionRows(await load());
  const names = [...types.keys()];
  throw new ConfigError([
    `There is no source type ${type}${didYouMean(type, names) || '.'} Known: ${names.join(', ')}. See: penstock sources`,
  ]);
}
