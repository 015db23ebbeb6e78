import process from 'node:process';

/**
 * How many histories a model check draws: `usual` in the fast tests, more where `PENSTOCK_MODEL_RUNS` says so
 * (`npm run test:model`, `npm run test:soak`).
 */
export function modelRuns(usual: number): number {
  return Math.max(usual, Number(process.env['PENSTOCK_MODEL_RUNS'] ?? 0));
}
