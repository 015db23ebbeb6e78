import { examples } from './flags.ts';
import type { CommandGroup } from './program.ts';
import { stateExportCommand } from './state-export.ts';
import { stateImportCommand } from './state-import.ts';
import { stateListCommand } from './state-list.ts';
import { stateResetCommand } from './state-reset.ts';
import { stateRewindCommand } from './state-rewind.ts';
import { stateShowCommand } from './state-show.ts';

/** `penstock state …`: what is remembered between two polls. */
export const stateCommands: CommandGroup = {
  describe(command) {
    command.name('state').description('Inspect, move, export and import state: cursors, ledgers, positions.');
    return examples(command, ['penstock state list', 'penstock state show console']);
  },
  commands: [
    stateListCommand,
    stateShowCommand,
    stateRewindCommand,
    stateResetCommand,
    stateExportCommand,
    stateImportCommand,
  ],
};
