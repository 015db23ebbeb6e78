import { StateError } from '../core/errors.ts';
import { isStateThere } from '../journal/sqlite/sqlite-journal.ts';

/** Commands that change a state, or hand it over, make none. Throws StateError (5) when there is none, or it is damaged. */
export function requireState(path: string): void {
  if (isStateThere(path)) return;
  throw new StateError(
    `There is no state in ${path}. Is state.path right? The first penstock run or penstock once makes it.`,
  );
}
