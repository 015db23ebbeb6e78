import { lacking } from './judge.ts';
import { startAs } from './replica.ts';
import type { World } from './world.ts';

/** Passes that are enough: rows of the last moments are read when their time has passed, and a vendor may want a wait. */
const PASSES = 10;

/** Ends the load and runs `once` until both destinations have everything; throws what a pass wrote that failed. */
export async function settle(world: World, config: string): Promise<void> {
  await world.calmDown();
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const { code, stderr } = await startAs(`last-${pass}`, ['once', '-c', config]).ended;
    if (code !== 0) throw new Error(`once ended with ${code}: ${stderr}`);
    if ([...world.destinations.values()].every((receiver) => lacking(world, receiver) === 0)) return;
  }
}
