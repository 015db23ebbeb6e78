import { nearest } from '../config/nearest.ts';
import type { Config, SourceConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';

/** The source of that name. Throws ConfigError (2) that names the nearest one. */
export function sourceNamed({ sources }: Config, name: string): SourceConfig {
  const found = sources.find((source) => source.name === name);
  if (found !== undefined) return found;
  throw unknownName(
    'source',
    name,
    sources.map(({ name: known }) => known),
  );
}

/** Says that there is no such source or destination, and which there are. */
export function unknownName(
  what: 'source' | 'destination',
  name: string,
  known: readonly string[],
): ConfigError {
  const near = nearest(name, known);
  const hint = near === undefined ? '' : `; the nearest is ${near}`;
  return new ConfigError([
    `There is no ${what} ${name}${hint}. There are: ${known.join(', ') || 'none'}. See: penstock state list`,
  ]);
}
