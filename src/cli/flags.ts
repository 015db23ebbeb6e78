import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '../config/fields.ts';

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

/** Adds examples to a command's help, each a line that can be typed as it stands. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
