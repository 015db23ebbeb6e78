import { configured } from './cost.ts';
import { startConsole } from './console.ts';
import { type Figure, figureOf, progress, runMeasured } from './measure.ts';
import { requireEach, startReceiver } from './receiver.ts';

/** The most memory of a `penstock once` that collects and delivers so many rows. */
export interface MemoryCost {
  readonly rows: number;
  readonly peakMiB: Figure;
}

/** Memory must not grow with the number of rows. @throws when a row is lost or doubled */
export async function measureMemory(
  counts: readonly number[],
  { directory, runs }: { directory: string; runs: number },
): Promise<MemoryCost[]> {
  await using receiver = await startReceiver();
  const peaks = new Map<number, number[]>(counts.map((rows) => [rows, []]));
  for (let run = 1; run <= runs; run += 1) {
    for (const rows of counts) {
      await using console = await startConsole(rows);
      const ends = { directory, console: console.url, receiver: receiver.url };
      const shape = { profile: 'attributes', encoding: 'protobuf', compression: 'gzip' } as const;
      const { peakMiB } = await runMeasured(await configured(shape, ends), directory);
      requireEach(await receiver.take(), rows, `memory of ${rows} rows`);
      peaks.get(rows)?.push(peakMiB);
      progress(`memory ${run}/${runs}: ${rows} rows: ${peakMiB.toFixed(0)} MiB`);
    }
  }
  return counts.map((rows) => ({ rows, peakMiB: figureOf(peaks.get(rows) ?? []) }));
}
