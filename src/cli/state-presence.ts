import type { StateConfig } from '../config/types.ts';
import { StateError } from '../core/errors.ts';
import { isStateThere, placeInWords, settingOf } from '../journal/open.ts';
import type { Output } from './io.ts';
import { say } from './output.ts';

/** For commands that never create a state. @throws StateError when there is none, or it is damaged. */
export async function requireState(state: StateConfig): Promise<void> {
  if (await isStateThere(state)) return;
  throw new StateError(
    `There is no state in ${placeInWords(state.place)}. Check ${settingOf(state.place)}. The first \`penstock run\` or \`penstock once\` creates it.`,
  );
}

/** For commands that only read: says when there is no state, because a wrong place would look like a good state. */
export async function sayIfEmpty(output: Output, state: StateConfig): Promise<boolean> {
  if (await isStateThere(state)) return false;
  const [place, setting] = [placeInWords(state.place), settingOf(state.place)];
  const where = state.place.kind === 'directory' ? `The state directory ${place}` : `The state in ${place}`;
  say(
    output,
    `${where} is empty; nothing has been collected yet. Start \`penstock run\` or \`penstock once\`, or correct \`${setting}\`.\n`,
  );
  return true;
}
