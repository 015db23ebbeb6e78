import { didYouMean } from '../config/problems.ts';
import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import { ConfigError } from '../core/errors.ts';
import type { StreamStore } from '../journal/collection.ts';

/** The source with that name. @throws ConfigError that suggests the nearest name. */
export function sourceNamed({ sources }: Config, name: string): SourceConfig {
  const found = sources.find((source) => source.name === name);
  if (found !== undefined) return found;
  const known = sources.map((source) => source.name);
  throw unknownName('source', name, known);
}

/** The destination with that name. @throws ConfigError that suggests the nearest name. */
export function destinationNamed({ destinations }: Config, name: string): DestinationConfig {
  const found = destinations.find((destination) => destination.name === name);
  if (found !== undefined) return found;
  const known = destinations.map((destination) => destination.name);
  throw unknownName('destination', name, known);
}

/** The names of the sources in the configuration, and of those that are only in the state. */
export async function knownSources(
  store: Pick<StreamStore, 'all'>,
  { sources }: Config,
): Promise<readonly string[]> {
  const streams = await store.all();
  return [...new Set([...sources.map(({ name }) => name), ...streams.map(({ source }) => source)])];
}

/** The error for an unknown source or destination, with the known names. */
export function unknownName(
  what: 'source' | 'destination',
  name: string,
  known: readonly string[],
): ConfigError {
  const hint = didYouMean(name, known) || '.';
  return new ConfigError([
    `There is no ${what} ${name}${hint} Known: ${known.join(', ') || 'none'}. See: penstock state list`,
  ]);
}

/** The scope in a stream's key. */
export function scopeOf(key: string): string {
  return key.split('|').slice(2).join('|');
}
