import { EXIT } from '../core/errors.ts';
import { runDaemon } from '../runtime/daemon.ts';
import { configFlag, examples, type PenstockCommand } from './command.ts';
import { setUp } from './set-up.ts';

/** `penstock run`: the daemon. */
export const runCommand: PenstockCommand = {
  describe(command) {
    command
      .name('run')
      .description(
        'Poll and deliver until stopped. SIGTERM stops it within 10 s without losing events; SIGHUP reloads the configuration.',
      )
      .addOption(configFlag());
    return examples(command, ['penstock run', 'penstock run -c /etc/penstock/penstock.yaml']);
  },

  async run(io, flags) {
    await runDaemon(io, () => setUp(io, flags));
    return EXIT.done;
  },
};
