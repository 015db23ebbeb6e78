import { resolve } from 'node:path';
import type { Output } from './io.ts';
import { say } from './output.ts';
import { StateError } from '../core/errors.ts';
import { isStateThere } from '../journal/sqlite/open.ts';

/** For commands that never create a state. @throws StateError when there is none, or it is damaged. */
export function requireState(path: string): void {
  if (isStateThere(path)) return;
  throw new StateError(
    `There is no state in ${path}. Check state.path. The first \`penstock run\` or \`penstock once\` creates it.`,
  );
}

/** For commands that only read: says when there is no state, because a wrong `state.path` would look like a good state. */
export function sayIfEmpty(output: Output, path: string): boolean {
  if (isStateThere(path)) return false;
  const directory = resolve(path);
  say(
    output,
    `The state directory ${directory} is empty; nothing has been collected yet. Start \`penstock run\` or \`penstock once\`, or correct \`state.path\`.\n`,
  );
  return true;
}
