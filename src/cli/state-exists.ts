import { existsSync } from 'node:fs';
import { StateError } from '../errors.ts';
import { stateFiles } from '../journal/files.ts';

/** Commands that change a state, or hand it over, make none. Throws StateError (5) when it does not exist. */
export function requireState(path: string): void {
  if (existsSync(stateFiles(path).database)) return;
  throw new StateError(
    `There is no state in ${path}. Is state.path right? The first penstock run or penstock once makes it.`,
  );
}
