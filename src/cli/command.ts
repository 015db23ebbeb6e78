import { type Command, InvalidArgumentError, Option } from 'commander';
import { DateTime } from 'luxon';
import { resolve } from 'node:path';
import { parseDuration } from '../config/fields.ts';
import type { ExitCode, Io, Output } from './io.ts';
import { say } from './output.ts';
import { didYouMean } from '../config/problems.ts';
import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import { ConfigError, StateError } from '../core/errors.ts';
import { isTimestamp } from '../ecs/common.ts';
import type { StreamStore } from '../journal/collection.ts';
import { isStateThere } from '../journal/sqlite/open.ts';

/** A command: its options, and what it does. */
export interface PenstockCommand {
  /** Adds arguments, options and examples; a member of a group also its name and description. */
  describe(command: Command): Command;
  run(io: Io, flags: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<ExitCode>;
}

/** Commands under one name, such as `penstock state list`. */
export interface CommandGroup {
  describe(command: Command): Command;
  readonly commands: readonly PenstockCommand[];
}

/** `--config FILE`, for every command that reads a configuration. */
export function configFlag(): Option {
  return new Option(
    '-c, --config <file>',
    'configuration file, or a directory of *.yaml (default: $PENSTOCK_CONFIG, ./penstock.yaml, /etc/penstock/penstock.yaml)',
  );
}

export function jsonFlag(): Option {
  return new Option('--json', 'print one JSON object per line, even on a terminal');
}

/** Parses a flag's duration, such as `4m`, into milliseconds. */
export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Must be a duration such as 30s, 5m, 2h or 7d.');
  return ms;
}

/** Collects the values of a flag that may be repeated. */
export function collectValues(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** The time that a flag names, which may count back from `now`. Epoch ms. */
export type TimeFlag = (now: number) => number;

/** `--from T` or `--to T`. */
export function timeFlag(name: 'from' | 'to', what: string): Option {
  return new Option(
    `--${name} <time>`,
    `${what}: a date or date-time (ISO 8601, UTC by default), or an age such as 2h`,
  ).argParser(timeArgument);
}

function timeArgument(text: string): TimeFlag {
  const ago = parseDuration(text);
  if (ago !== undefined) return (now) => Math.max(0, now - ago);
  const time = DateTime.fromISO(text, { zone: 'utc' }).toMillis();
  if (isTimestamp(time)) return () => time;
  throw new InvalidArgumentError(
    'Must be a time such as 2026-03-01, 2026-03-01T08:00:00Z or 2026-03-01T08:00+02:00, or an age such as 90m, 2h or 7d.',
  );
}

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

/** For commands that never create a state. @throws StateError when there is none, or it is damaged. */
export function requireState(path: string): void {
  if (isStateThere(path)) return;
  throw new StateError(
    `There is no state in ${path}. Check state.path. The first \`penstock run\` or \`penstock once\` creates it.`,
  );
}

/** For commands that only read: says when there is no state, because a wrong `state.path` would look like a good state. */
export function sayIfEmpty(output: Output, path: string): boolean {
  if (isStateThere(path)) return false;
  const directory = resolve(path);
  say(
    output,
    `The state directory ${directory} is empty; nothing has been collected yet. Start \`penstock run\` or \`penstock once\`, or correct \`state.path\`.\n`,
  );
  return true;
}
