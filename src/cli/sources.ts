import { Argument } from 'commander';
import * as z from 'zod';
import { jsonFlag, type PenstockCommand } from './command.ts';
import { examples, jsonLine, table, wantsJson } from './output.ts';
import { didYouMean } from '../config/problems.ts';
import { configSchema } from '../config/schema.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import type { Source } from '../core/source.ts';
import { loadSources } from '../sources/registry.ts';

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
    const types = await loadSources();
    const json = wantsJson(io, flags);
    const rows = type === undefined ? [...types.values()].map(summary) : optionRows(known(types, type));
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

function known(types: ReadonlyMap<string, Source>, type: string): Source {
  const source = types.get(type);
  if (source !== undefined) return source;
  const names = [...types.keys()];
  throw new ConfigError([
    `There is no source type ${type}${didYouMean(type, names) || '.'} Known: ${names.join(', ')}. See: penstock sources`,
  ]);
}

function summary({ id, title, dataset, stream }: Source): Record<string, string> {
  return { type: id, title, dataset, stream };
}

interface OptionSchema {
  readonly properties?: Readonly<
    Record<string, { readonly description?: string; readonly default?: unknown }>
  >;
  readonly required?: readonly string[];
}

function optionRows({ options }: Source): Record<string, string>[] {
  const { properties = {}, required = [] } = z.toJSONSchema(options, {
    io: 'input',
    unrepresentable: 'any',
  }) as OptionSchema;
  return Object.entries(properties).map(([option, { description = '', default: fallback }]) => ({
    option,
    default: required.includes(option) ? 'required' : shown(fallback),
    description,
  }));
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

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
