import assert from 'node:assert/strict';
import process from 'node:process';
import fc from 'fast-check';
import { modelRuns } from '../../support/model-runs.ts';
import { Clocks } from './clocks.ts';
import { commandsOf } from './commands.ts';
import { type Flaw, Penstock } from './penstock.ts';
import type { Command, Subject, World } from './subject.ts';
import type { Vendor, Verdict } from './vendor.ts';

/** Histories that the fast tests draw of each subject. */
const USUAL = 25;

/** Polls after a history, at most, until nothing is missing. */
const MOST_POLLS = 100;

const MINUTE = 60_000;

interface Settings {
  readonly runs?: number;
  readonly flaw?: Flaw;
}

/**
 * Draws histories of a vendor and plays them against the real source, loop and journal. Whatever happens, in the end
 * nothing is lost but what a recorded gap names, and nothing was collected as something new.
 * @throws Error that shows the smallest history for which this does not hold, and how to play it again
 */
export async function modelCheck(subject: Subject, { runs, flaw }: Settings = {}): Promise<void> {
  const [seed, path, replayPath] = (process.env['PENSTOCK_MODEL_REPLAY'] ?? '').split('/');
  const replay = path === undefined ? {} : { seed: Number(seed), path, endOnFailure: true };
  const commands = fc.commands(commandsOf(subject), {
    maxCommands: 25,
    size: 'medium',
    ...(replayPath !== undefined && { replayPath }),
  });
  const property = fc.asyncProperty(subject.worlds, commands, (world, history) => play(world, history, flaw));
  const details = await fc.check(property, {
    numRuns: runs ?? modelRuns(USUAL),
    // A flaw is there on purpose: nobody needs the smallest history that shows it.
    endOnFailure: flaw !== undefined,
    ...replay,
  });
  if (details.failed) throw new Error(await report(subject, details), { cause: details.errorInstance });
}

async function report(subject: Subject, details: fc.RunDetails<[World, Iterable<Command>]>): Promise<string> {
  const [, history] = details.counterexample ?? [];
  const replayPath = /replayPath="(.*)"/.exec(String(history))?.[1] ?? '';
  const again = `${details.seed}/${details.counterexamplePath}/${replayPath}`;
  return [
    await fc.asyncDefaultReportMessage(details),
    `Play it again: PENSTOCK_MODEL_REPLAY='${again}' npm run test:model -- -t '${subject.name}'`,
    'Keep it: write its world and commands into kept.test.ts.',
  ].join('\n\n');
}

/** Plays one history, and compares what Penstock has with what the vendor had. */
export async function play(world: World, history: Iterable<Command>, flaw: Flaw = {}): Promise<void> {
  await using vendor = await world.open(new Clocks());
  await using penstock = new Penstock(vendor, flaw);
  await fc.asyncModelRun(() => ({ model: vendor, real: penstock }), history);
  assert.deepEqual(await verdictAtRest(vendor, penstock), { lost: [], asNew: [] });
}

/** The world calms down, and Penstock polls until nothing is missing, or nothing more comes. */
async function verdictAtRest(vendor: Vendor, penstock: Penstock): Promise<Verdict> {
  vendor.simulator.script.length = 0;
  vendor.heal?.();
  for (const wait of vendor.rest) {
    await vendor.clocks.pass(wait);
    await penstock.poll();
  }
  for (let polls = 0; polls < MOST_POLLS; polls += 1) {
    const result = await penstock.poll();
    const { lost } = vendor.judge(await penstock.collected());
    if (result?.outcome === 'complete' && lost.length === 0) break;
    await vendor.clocks.pass(MINUTE);
  }
  // What was read is not read again as something new.
  await penstock.poll();
  return vendor.judge(await penstock.collected());
}
