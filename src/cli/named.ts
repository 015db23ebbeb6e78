import { nearest } from '../config/problems.ts';
import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import { ConfigError } from '../core/errors.ts';
import type { JournalView } from '../journal/journal.ts';

/** The source of that name. Throws ConfigError (2) that names the nearest one. */
export function sourceNamed({ sources }: Config, name: string): SourceConfig {
  const found = sources.find((source) => source.name === name);
  if (found !== undefined) return found;
  const known = sources.map((source) => source.name);
  throw unknownName('source', name, known);
}

/** The destination of that name. Throws ConfigError (2) that names the nearest one. */
export function destinationNamed({ destinations }: Config, name: string): DestinationConfig {
  const found = destinations.find((destination) => destination.name === name);
  if (found !== undefined) return found;
  const known = destinations.map((destination) => destination.name);
  throw unknownName('destination', name, known);
}

/** Sources by name: those of the configuration, and those that left it and still have something in the state. */
export async function knownSources(
  view: Pick<JournalView, 'streams'>,
  { sources }: Config,
): Promise<readonly string[]> {
  const streams = await view.streams();
  return [...new Set([...sources.map(({ name }) => name), ...streams.map(({ source }) => source)])];
}

/** Says that there is no such source or destination, and which there are. */
export function unknownName(
  what: 'source' | 'destination',
  name: string,
  known: readonly string[],
): ConfigError {
  const near = nearest(name, known);
  const hint = near === undefined ? '.' : `; did you mean ${near}?`;
  return new ConfigError([
    `There is no ${what} ${name}${hint} There are: ${known.join(', ') || 'none'}. See: penstock state list`,
  ]);
}
