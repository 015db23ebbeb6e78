import { openApp, type App } from '../app.ts';
import { EXIT } from '../errors.ts';
import { daemon } from '../schedule/daemon.ts';
import { configFlag, examples } from './flags.ts';
import type { Io } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';

/** After a stop, delivery may go on this long; what is journaled and not delivered by then waits for the next start. */
const DRAIN = 5_000;

/** `penstock run`: the daemon. */
export const runCommand: PenstockCommand = {
  describe(command) {
    command
      .name('run')
      .description('Poll and deliver until stopped; SIGTERM ends it within 10 s and loses nothing.')
      .addOption(configFlag());
    return examples(command, ['penstock run', 'penstock run -c /etc/penstock/penstock.yaml']);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    const delivering = new AbortController();
    await using app = await openApp({
      ...io,
      config,
      log,
      mode: 'run',
      collecting: io.stop,
      delivering: delivering.signal,
    });
    log.info(
      {
        penstock: {
          sources: config.sources.map(({ name }) => name),
          destinations: config.destinations.map(({ name }) => name),
        },
      },
      'Started.',
    );
    const draining = drain(io, app, delivering);
    await daemon(app);
    await draining;
    log.info('Stopped.');
    return EXIT.done;
  },
};

/** At a stop, polling ends at once; delivery ends when all is delivered, or after a bound. */
async function drain(io: Io, app: App, delivering: AbortController): Promise<void> {
  await aborted(AbortSignal.any([io.stop, app.delivering]));
  if (app.delivering.aborted) return;
  app.log.info('Stopping: polling has ended, delivering what can be delivered.');
  const idle = Promise.all(app.deliveries.map((delivery) => delivery.idle()));
  await Promise.race([idle, io.clock.sleep(DRAIN)]);
  delivering.abort();
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  return promise;
}
