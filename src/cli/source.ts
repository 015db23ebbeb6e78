import { Argument, Option } from 'commander';
import { type CommandGroup, configFlag, countArgument, jsonFlag, type PenstockCommand } from './command.ts';
import { examples } from './output.ts';

/** `penstock source test PATH`: runs a definition against its fixtures. */
const sourceTestCommand: PenstockCommand = {
  describe(command) {
    command
      .name('test')
      .description(
        'Run the fixtures of a source.yaml, then vendors simulated from it, and print what differs, field by field. No network.',
      )
      .addArgument(new Argument('<path>', 'a folder with a source.yaml, or the file'))
      .addOption(new Option('--update', 'write the events that the definition makes into the fixtures'))
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nExit codes: 0 all is as expected, 1 something differs, 2 the definition or a fixture cannot be read, or there is no fixture.',
      );
    return examples(command, [
      'penstock source test ./acme-audit',
      'penstock source test ./acme-audit --update',
    ]);
  },
  run: async (...given) => (await import('./source-test.ts')).sourceTest(...given),
};

/** `penstock source new ID`: writes a definition to begin with. */
const sourceNewCommand: PenstockCommand = {
  describe(command) {
    command
      .name('new')
      .description(
        'Write a commented source.yaml with a README and a fixture, to be changed. Overwrites nothing.',
      )
      .addArgument(new Argument('<id>', 'the name of the source type, such as acme-audit'))
      .addOption(new Option('--dir <dir>', 'where its folder is made').default('.'))
      .addOption(jsonFlag());
    return examples(command, [
      'penstock source new acme-audit',
      'penstock source new acme-audit --dir types',
    ]);
  },
  run: async (...given) => (await import('./source-new.ts')).sourceNew(...given),
};

/** `penstock source record SOURCE`: writes a fixture from the real API. */
const sourceRecordCommand: PenstockCommand = {
  describe(command) {
    command
      .name('record')
      .description(
        'Write a fixture from the real API: the first pages of a first poll. Secrets and personal values are replaced by others of the same shape.',
      )
      .addArgument(new Argument('<source>', 'a source of the configuration'))
      .addOption(configFlag())
      .addOption(new Option('--pages <n>', 'stop after so many requests').argParser(countArgument).default(3))
      .addOption(new Option('--out <dir>', 'where recorded.yaml is written').makeOptionMandatory())
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nIt uses the same quotas as polling, and neither reads nor moves a cursor. Read the file before you share it.\nExit codes: 0 done, 2 usage, configuration or a file that exists, 3 the poll failed, 5 the state cannot be used.',
      );
    return examples(command, ['penstock source record acme --pages 3 --out acme-audit/fixtures']);
  },
  run: async (...given) => (await import('./source-record.ts')).sourceRecord(...given),
};

/** `penstock source`: what the author of a definition needs. */
export const sourceCommands: CommandGroup = {
  describe: (command) =>
    examples(command, ['penstock source new acme-audit', 'penstock source test ./acme-audit']),
  commands: [sourceNewCommand, sourceTestCommand, sourceRecordCommand],
};
