import { EXIT } from '../core/errors.ts';
import { runDaemon } from '../runtime/daemon.ts';
import { configFlag, type PenstockCommand } from './command.ts';
import { setUp } from './io.ts';
import { examples } from './output.ts';

/** `penstock run`: the daemon. */
export const runCommand: PenstockCommand = {
  describe(command) {
    command.addOption(configFlag());
    return examples(command, ['penstock run', 'penstock run -c /etc/penstock/penstock.yaml']);
  },

  async run(io, flags) {
    await runDaemon(io, () => setUp(io, flags));
    return EXIT.done;
  },
};
