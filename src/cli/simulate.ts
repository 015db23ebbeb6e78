import { InvalidArgumentError, Option } from 'commander';
import { stringify } from 'yaml';
import { ConfigError, EXIT, explain } from '../core/errors.ts';
import { parseListenAddress } from '../config/fields.ts';
import type { PenstockCommand } from './command.ts';
import { examples } from './output.ts';

const DEFAULT = '127.0.0.1:8081';

/** `penstock simulate`: runs the demo's vendors as servers, for trying a configuration or a deployment. */
export const simulateCommand: PenstockCommand = {
  describe(command) {
    command.addOption(
      new Option('--listen <host:port>', 'address of the first simulator')
        .argParser(listenArgument)
        .default(listenArgument(DEFAULT), DEFAULT),
    );
    return examples(command, ['penstock simulate > sources.yaml', 'penstock simulate --listen 0.0.0.0:8081']);
  },

  async run(io, flags) {
    // Loaded only when it runs: the simulators need much memory.
    const { startDemoVendors } = await import('../simulators/demo.ts');
    const listen = flags['listen'] as Listen;
    await using vendors = await startDemoVendors({ ...io, signal: io.stop, listen }).catch(
      (error: unknown) => {
        throw new ConfigError([
          `The simulators cannot listen on ${listen.host}, ports ${listen.port} to ${listen.port + 3}: ${explain(error)}. Choose another address with --listen.`,
        ]);
      },
    );
    io.stdout.write(stringify({ sources: vendors.sources }, { aliasDuplicateObjects: false }));
    await stopped(io.stop);
    return EXIT.done;
  },
};

interface Listen {
  readonly host: string;
  readonly port: number;
}

function listenArgument(text: string): Listen {
  const { host, port } = parseListenAddress(text) ?? {};
  if (port === undefined) throw new InvalidArgumentError('Must be an address such as 127.0.0.1:8081.');
  return { host: host ?? '0.0.0.0', port };
}

function stopped(stop: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stop.addEventListener('abort', () => resolve(), { once: true });
  if (stop.aborted) resolve();
  return promise;
}
