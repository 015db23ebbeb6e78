import fc from 'fast-check';
import { afterAll } from 'vitest';
import { forgetSecrets } from '../../src/core/secret.ts';
import { cleanUpFile } from './after-file.ts';

// Test files share processes (`isolate: false`): importing everything anew for each would cost more than many of them do.
// A secret of one file must not be masked in another.
forgetSecrets();

afterAll(cleanUpFile);

/**
 * In CI properties draw the same cases every time, so that a run can be repeated; elsewhere each run draws new ones, or
 * those of `PENSTOCK_SEED`.
 */
const seed = process.env['PENSTOCK_SEED'] ?? (process.env['CI'] === 'true' ? '20261124' : undefined);
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
