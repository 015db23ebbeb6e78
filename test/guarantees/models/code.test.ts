import { expect, it } from 'vitest';
import { BOTBYE } from './botbye.ts';
import { modelCheck } from './check.ts';
import { CONSOLES } from './consoles.ts';
import { ATTACKS } from './petra-attacks.ts';
import { INCIDENTS } from './petra-incidents.ts';

it.each([...CONSOLES, INCIDENTS, ATTACKS, BOTBYE])(
  '$name loses nothing and collects nothing as new',
  async (subject) => {
    await expect(modelCheck(subject)).resolves.toBeUndefined();
  },
);
