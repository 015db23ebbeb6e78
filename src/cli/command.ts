import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ExitCode, Io } from './io.ts';

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

/** Collects the values of a flag that may be repeated. */
export function collectValues(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A number of at least 1. */
export function countArgument(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Must be a number of at least 1.');
}
