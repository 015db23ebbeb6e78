import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { startConsole, TOKEN } from './console.ts';
import { figureOf, PENSTOCK, progress, runMeasured, type Usage } from './measure.ts';
import { isFloorOf, nameOf, type Variant, type VariantCost, VARIANTS } from './variants.ts';
import { type Arrived, type Receiver, requireEach, startReceiver } from './receiver.ts';

export interface CostOptions {
  readonly rows: number;
  readonly runs: number;
  /** Only variants whose name contains one of these; empty: all. Their floors are always measured. */
  readonly only: readonly string[];
  /** For state and configuration; must exist. */
  readonly directory: string;
}

const PAGE = 1_000;
function chosen(only: readonly string[]): readonly Variant[] {
  const wanted = VARIANTS.filter(
    (variant) => only.length === 0 || only.some((part) => nameOf(variant).includes(part)),
  );
  return VARIANTS.filter(
    (variant) => wanted.includes(variant) || wanted.some((one) => isFloorOf(variant, one)),
  );
}

/**
 * What a login attempt costs, from its poll to its acknowledgement: whole processes side by side, in turn, each from its
 * start to its end with a new state. Console and receiver run in this process. @throws when a process fails, or when what
 * arrived is not each row once with the fields that the floor ships.
 */
export async function measureCost({ rows, runs, only, directory }: CostOptions): Promise<VariantCost[]> {
  await using console = await startConsole(rows);
  await using receiver = await startReceiver();
  const floor = join(directory, 'floor.mjs');
  await buildFloor(floor);
  const variants = chosen(only);
  const usages = new Map<Variant, Usage[]>(variants.map((variant) => [variant, []]));
  const wire = new Map<Variant, number>();
  for (let run = 1; run <= runs; run += 1) {
    for (const variant of variants) {
      const args =
        variant.tool === 'floor'
          ? [floor, console.url, receiver.url, TOKEN, String(PAGE), variant.encoding, variant.compression]
          : await configured(variant, { directory, console: console.url, receiver: receiver.url });
      const usage = await runMeasured(args, directory);
      const arrived = await checked(variant, receiver, rows);
      usages.get(variant)?.push(usage);
      wire.set(variant, arrived.bytes / rows);
      const micros = ((usage.cpuSeconds / rows) * 1e6).toFixed(1);
      progress(`cost ${run}/${runs}: ${nameOf(variant)}: ${micros} µs, ${usage.wallSeconds.toFixed(2)} s`);
    }
  }
  return summaries(usages, wire, rows);
}

/** The floor, bundled as Penstock is, so that neither is measured with a compiler in it. */
export async function buildFloor(outfile: string): Promise<void> {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: ['floor.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}

interface Ends {
  readonly directory: string;
  readonly console: string;
  readonly receiver: string;
}

/** The arguments of a `penstock once` with a new state. */
export async function configured(
  { profile, encoding, compression }: Omit<Variant, 'tool'>,
  ends: Ends,
): Promise<string[]> {
  const config = join(ends.directory, 'penstock.yaml');
  const state = join(ends.directory, 'state');
  await rm(state, { recursive: true, force: true });
  await writeFile(
    config,
    `state: { path: ${state}, max_bytes: 16GiB }
destinations:
  siem: { endpoint: "${ends.receiver}", profile: ${profile}, protocol: http/${encoding}, compression: ${compression} }
sources:
  console: { type: qradar-login-attempts, base_url: "${ends.console}", token: ${TOKEN}, page_size: ${PAGE}, initial_lookback: 2h, resolve_users: false }
log: { level: warn }
`,
  );
  return [PENSTOCK, 'once', '-c', config];
}

/** Each row must have arrived once, whatever the tool, and the floor must ship the fields that Penstock ships. */
async function checked(variant: Variant, receiver: Receiver, rows: number): Promise<Arrived> {
  const arrived = await receiver.take();
  requireEach(arrived, rows, nameOf(variant));
  if (variant.tool === 'floor' || variant.profile === 'attributes') {
    const fields = arrived.fields.join(' ');
    shipped ??= fields;
    if (fields !== shipped) throw new Error(`${nameOf(variant)} ships ${fields}, not ${shipped}.`);
  }
  return arrived;
}

/** Names of the attributes of the first run. */
let shipped: string | undefined;

function summaries(
  usages: ReadonlyMap<Variant, readonly Usage[]>,
  wire: ReadonlyMap<Variant, number>,
  rows: number,
): VariantCost[] {
  const plain = [...usages].map(([variant, all]) => ({
    ...variant,
    cpu: figureOf(all.map(({ cpuSeconds }) => (cpuSeconds / rows) * 1e6)),
    rate: figureOf(all.map(({ wallSeconds }) => rows / wallSeconds)),
    peakMiB: figureOf(all.map(({ peakMiB }) => peakMiB)),
    wireBytes: wire.get(variant) ?? NaN,
  }));
  return plain.map((cost) => {
    const floor = plain.find((one) => isFloorOf(one, cost));
    return {
      ...cost,
      cpuRatio: cost.cpu.median / (floor?.cpu.median ?? NaN),
      rateRatio: cost.rate.median / (floor?.rate.median ?? NaN),
    };
  });
}
