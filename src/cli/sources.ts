import { Argument } from 'commander';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { outsideTypes } from './outside-types.ts';
import { examples, jsonLine, table, wantsJson } from './output.ts';
import type { OptionRow } from './source-options.ts';
import type { OutsideTypes } from '../config/outside-types.ts';
import { didYouMean } from '../config/problems.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { sourceLoaders } from '../sources/registry.ts';
import { sourceSummaries } from '../sources/summaries.ts';
import { summaryOf } from '../sources/summary.ts';

/** `penstock sources [TYPE]`: the source types and where they come from, or the options of one. */
export const sourcesCommand: PenstockCommand = {
  describe(command) {
    command
      .addArgument(new Argument('[type]', 'a source type'))
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, [
      'penstock sources',
      'penstock sources qradar-login-attempts',
      'penstock sources --json',
    ]);
  },

  async run(io, flags, [type]) {
    const json = wantsJson(io, flags);
    const outside = await outsideTypes(io, flags);
    const rows = type === undefined ? await summaries(outside) : await optionsOf(type, outside);
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

async function summaries(outside: OutsideTypes['types']) {
  const named = [...outside.values()].map(({ source, from }) => summaryOf(source, from));
  return [...(await sourceSummaries()), ...named];
}

/** @throws ConfigError when there is no such type */
async function optionsOf(type: string, outside: OutsideTypes['types']): Promise<readonly OptionRow[]> {
  const shipped = await sourceLoaders();
  const source = outside.get(type)?.source ?? (await shipped.get(type)?.());
  if (source !== undefined) return (await import('./source-options.ts')).optionRows(source);
  const names = [...shipped.keys(), ...outside.keys()];
  throw new ConfigError([
    `There is no source type ${type}${didYouMean(type, names) || '.'} Known: ${names.join(', ')}. See: penstock sources`,
  ]);
}
