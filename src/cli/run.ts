import { EXIT } from '../core/errors.ts';
import { configFlag, examples } from './flags.ts';
import { begin, beginAnew, live } from '../runtime/daemon.ts';
import { Operations } from '../runtime/admin-services.ts';
import type { PenstockCommand } from './program.ts';
import { Reloads } from '../runtime/reload.ts';
import { setUp } from './set-up.ts';

/** `penstock run`: the daemon. */
export const runCommand: PenstockCommand = {
  describe(command) {
    command
      .name('run')
      .description(
        'Poll and deliver until stopped; SIGTERM ends it within 10 s and loses nothing, SIGHUP reloads the configuration.',
      )
      .addOption(configFlag());
    return examples(command, ['penstock run', 'penstock run -c /etc/penstock/penstock.yaml']);
  },

  async run(io, flags) {
    using reloads = new Reloads(io);
    await using operations = new Operations(io);
    const daemon = { io, operations, reloads, load: () => setUp(io, flags) };
    const first = await daemon.load();
    let { log } = first;
    let life = await begin(daemon, first);
    while (life !== undefined) {
      ({ log } = life.plan);
      const next = await live(daemon, life);
      life = next && (await beginAnew(daemon, next, life.plan));
    }
    log.info('Stopped.');
    return EXIT.done;
  },
};
