const cleanUps: (() => Promise<void>)[] = [];

/** Calls `cleanUp` after the current test file. `afterAll` of a shared module would only run after the first that loads it. */
export function afterFile(cleanUp: () => Promise<void>): void {
  cleanUps.push(cleanUp);
}

/** Runs what the current file left to clean up, the latest first. */
export async function cleanUpFile(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
}
