import { type Command, InvalidArgumentError, Option } from 'commander';
import { DateTime } from 'luxon';
import { parseDuration } from '../config/fields.ts';
import type { ExitCode, Io } from './io.ts';
import { nearest } from '../config/problems.ts';
import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import { ConfigError, StateError } from '../core/errors.ts';
import { isTimestamp } from '../ecs/time.ts';
import type { JournalView } from '../journal/journal.ts';
import { isStateThere } from '../journal/sqlite/open.ts';

/** A command as the program knows it: what it is called, and what it does with the process. */
export interface PenstockCommand {
  /** Sets name, description, flags and examples. */
  describe(command: Command): Command;
  run(io: Io, flags: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<ExitCode>;
}

/** Commands under one name, such as `penstock state list`. */
export interface CommandGroup {
  describe(command: Command): Command;
  readonly commands: readonly PenstockCommand[];
}

/** `--config FILE`, which every command that reads a configuration takes. */
export function configFlag(): Option {
  return new Option(
    '-c, --config <file>',
    'configuration file, or a directory of *.yaml (default: $PENSTOCK_CONFIG, ./penstock.yaml, /etc/penstock/penstock.yaml)',
  );
}

export function jsonFlag(): Option {
  return new Option('--json', 'one JSON object a line, also on a terminal');
}

/** Reads `4m` as milliseconds, for a flag. */
export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Expected a duration such as 30s, 5m, 2h or 7d.');
  return ms;
}

/** For a flag that may be given several times. */
export function collectValues(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A time as a flag says it, which may count back from now. Both epoch ms. */
export type TimeFlag = (now: number) => number;

/** `--from T` or `--to T`. */
export function timeFlag(name: 'from' | 'to', what: string): Option {
  return new Option(
    `--${name} <time>`,
    `${what}: a date or date-time (ISO 8601, UTC unless it says otherwise), or how long ago, such as 2h`,
  ).argParser(timeArgument);
}

function timeArgument(text: string): TimeFlag {
  const ago = parseDuration(text);
  if (ago !== undefined) return (now) => Math.max(0, now - ago);
  const time = DateTime.fromISO(text, { zone: 'utc' }).toMillis();
  if (isTimestamp(time)) return () => time;
  throw new InvalidArgumentError(
    'Expected a time such as 2026-03-01, 2026-03-01T08:00:00Z or 2026-03-01T08:00+02:00, or how long ago, such as 90m, 2h or 7d.',
  );
}

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
  const streams = await view.streams.all();
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

/** Commands that change a state, or hand it over, make none. Throws StateError (5) when there is none, or it is damaged. */
export function requireState(path: string): void {
  if (isStateThere(path)) return;
  throw new StateError(
    `There is no state in ${path}. Is state.path right? The first penstock run or penstock once makes it.`,
  );
}
