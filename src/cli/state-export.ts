import { EXIT } from '../core/errors.ts';
import { isStateHeld, openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { exportState } from '../journal/sqlite/transfer.ts';
import { configFlag, examples } from './flags.ts';
import { jsonLine } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';
import { requireState } from './state-exists.ts';

/** `penstock state export`: what moves to another machine, as one JSON document. */
export const stateExportCommand: PenstockCommand = {
  describe(command) {
    command
      .name('export')
      .description(
        'Print cursors, ledgers, coverage and gaps as one JSON document for state import; no secrets, nothing undelivered.',
      )
      .addOption(configFlag())
      .addHelpText(
        'after',
        '\nTo hand over: stop the daemon here, deliver what waits (penstock once), export, import there, start there.',
      );
    return examples(command, [
      'penstock state export > penstock-state.json',
      'penstock state export | ssh other penstock state import -',
    ]);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    requireState(config.state.path);
    jsonLine(io.stdout, exportState({ ...config.state, clock: io.clock, log }, io.clock.now()));
    if (isStateHeld(config.state.path)) {
      io.stderr.write(
        'A running process holds this state: what it sends from now on would be sent again elsewhere. To hand over, stop it and export again.\n',
      );
    }
    await using view = await openJournalReadOnly(config.state.path, { clock: io.clock, log });
    const { events } = await view.stats();
    if (events > 0) {
      io.stderr.write(
        `${events} events in this state are not delivered everywhere, and do not travel: deliver them here before it is given up, with: penstock once\n`,
      );
    }
    return EXIT.done;
  },
};
