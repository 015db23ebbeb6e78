import { join } from 'node:path';
import process from 'node:process';
import { stringify } from 'yaml';
import { writeFile } from 'node:fs/promises';
import type { ReceivedRecord } from '../../../src/simulators/otlp-receiver-decode.ts';
import { startReceiver, type Receiver } from '../../../src/simulators/otlp-receiver.ts';
import { systemClock, type Random } from '../../../src/core/clock.ts';
import { type Running, startProgram, workspace } from '../../support/cli.ts';
import { SQLITE, type TestJournal } from './journals.ts';
import { bundledProgram } from './program.ts';
import type { ProcessPlan } from './steps.ts';
import type { Comparison, Subject, Vendor } from '../subjects/vendor.ts';

/** Vendors, a receiver, and a configuration between them; processes of the program are its lives. */
export interface Stage extends AsyncDisposable {
  readonly vendors: readonly Vendor[];
  readonly receiver: Receiver;
  readonly directory: string;
  /** Starts the program with this command on the state of the stage. */
  start(args: readonly string[], how?: LifeOptions): Running;
  /** See `StatePlace`. */
  readonly free: () => Promise<void>;
  /** What the receiver has, compared with what all vendors have. */
  compare(): Comparison;
}

interface LifeOptions extends Omit<ProcessPlan, 'journal'> {
  /** A program and its arguments that the process is given to: `strace …`. */
  readonly under?: readonly string[];
}

interface StageOptions {
  /** Default: SQLite. */
  readonly journal?: TestJournal | undefined;
  readonly random: Random;
  /** Added to the block of each source. */
  readonly source?: Readonly<Record<string, unknown>> | undefined;
  /** Added to that of the destination. */
  readonly destination?: Readonly<Record<string, unknown>> | undefined;
  /** `state.retain` */
  readonly retain?: string | undefined;
  /** `state.lease`, where the journal has leases. Default: as the configuration has it. */
  readonly lease?: string | undefined;
}

/** Starts a vendor for each subject; the sources are called `source0`, `source1`, … */
export async function openStage(subjects: readonly Subject[], options: StageOptions): Promise<Stage> {
  const { journal = SQLITE } = options;
  const program = await bundledProgram();
  await using opened = new AsyncDisposableStack();
  const space = opened.use(await workspace());
  const receiver = opened.use(await startReceiver({ clock: systemClock }));
  const vendors: Vendor[] = [];
  for (const { start } of subjects) vendors.push(opened.use(await start(options.random)));
  const definitions = subjects.flatMap(({ definition }) => definition ?? []);
  for (const { id, text } of definitions) await writeFile(join(space.path, `${id}.source.yaml`), text);
  const { state, free } = opened.use(await journal.open(space.path, options.lease ?? '15s'));
  const settings = {
    state: { ...state, retain: options.retain ?? '24h' },
    types: definitions.map(({ id }) => `./${id}.source.yaml`),
    // Small requests, so that there are several of them.
    destinations: {
      siem: { endpoint: receiver.url, max_request_bytes: '16KiB', timeout: '5s', ...options.destination },
    },
    sources: Object.fromEntries(
      vendors.map(({ source }, index) => [`source${index}`, { ...source, ...options.source }]),
    ),
    log: { level: 'info' },
  };
  await writeFile(space.config, stringify(settings), { mode: 0o600 });
  const resources = opened.move();
  return {
    vendors,
    receiver,
    directory: space.path,
    free,
    start: (args, { under = [], ...plan } = {}) =>
      startProgram([...under, process.execPath, program.path, ...args, '-c', space.config], {
        env: {
          PENSTOCK_GUARANTEES: JSON.stringify({ journal: journal.name, ...plan } satisfies ProcessPlan),
          NODE_COMPILE_CACHE: program.cache,
        },
      }),
    compare() {
      const bySource = Map.groupBy(receiver.received(), nameOfSource);
      const compared = vendors.map((vendor, index) => vendor.compare(bySource.get(`source${index}`) ?? []));
      return {
        lost: compared.reduce((sum, { lost }) => sum + lost, 0),
        asNew: compared.reduce((sum, { asNew }) => sum + asNew, 0),
      };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function nameOfSource({ record }: ReceivedRecord): unknown {
  return record.attributes['observer.name'];
}
