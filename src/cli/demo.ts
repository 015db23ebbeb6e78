import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { stringify } from 'yaml';
import { openApp, type App } from '../app.ts';
import { EXIT } from '../errors.ts';
import { daemon } from '../schedule/daemon.ts';
import { once } from '../schedule/once.ts';
import { printArrival, printJson } from './arrival.ts';
import { examples, jsonFlag } from './flags.ts';
import type { Io } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';

/** `penstock demo`: simulated vendors, an OTLP receiver that prints what arrives, and the real pipeline between them. */
export const demoCommand: PenstockCommand = {
  describe(command) {
    command
      .name('demo')
      .description(
        'Run the whole pipeline against embedded simulators, and print each event that arrives: no key, no network.',
      )
      .addOption(new Option('--once', 'end by itself when everything has arrived'))
      .addOption(jsonFlag());
    return examples(command, ['penstock demo', 'penstock demo --once', 'penstock demo --once | head -1']);
  },

  async run(io, flags) {
    // Loaded here, since no other command needs the simulators in memory.
    const { startDemoVendors } = await import('../simulators/demo-vendors.ts');
    const { startReceiver } = await import('../simulators/otlp-receiver.ts');
    const ended = new AbortController();
    const signal = AbortSignal.any([io.stop, ended.signal]);
    await using opened = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'penstock-demo-'));
    opened.defer(() => rm(directory, { recursive: true, force: true }));
    const vendors = opened.use(await startDemoVendors({ ...io, signal }));
    opened.defer(() => ended.abort());
    const receiver = opened.use(await startReceiver({ clock: io.clock }));
    const print = flags['json'] === true ? printJson : printArrival;
    receiver.onRecords = (records) => records.forEach((record) => print(io.stdout, record));
    const settings = {
      state: { path: join(directory, 'state') },
      destinations: { receiver: { endpoint: receiver.url } },
      sources: vendors.sources,
      log: { level: 'warn' },
    };
    const file = join(directory, 'penstock.yaml');
    await writeFile(file, stringify(settings), { mode: 0o600 });
    const app = opened.use(await openDemo(io, file, flags['once'] === true));
    if (flags['once'] === true) await once(app);
    else await daemon(app);
    io.stderr.write(`Demo ended: ${receiver.received().length} events arrived.\n`);
    return EXIT.done;
  },
};

/** No variable of the operator's shell changes the demo. */
async function openDemo(io: Io, file: string, isOnce: boolean): Promise<App> {
  const lent = { ...io, env: {} };
  const { config, log } = await setUp(lent, { config: file });
  return openApp({
    ...lent,
    config,
    log,
    mode: isOnce ? 'once' : 'run',
    collecting: io.stop,
    delivering: io.stop,
  });
}
