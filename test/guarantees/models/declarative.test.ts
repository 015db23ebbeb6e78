import { expect, it } from 'vitest';
import { modelCheck } from './check.ts';
import { POSITION } from './positions.ts';
import { SNAPSHOT } from './snapshots.ts';
import { WINDOWS } from './windows.ts';

it.each([...WINDOWS, POSITION, SNAPSHOT])(
  '$name loses nothing and collects nothing as new',
  async (subject) => {
    await expect(modelCheck(subject)).resolves.toBeUndefined();
  },
);
