/**
 * Measures Penstock beside the floor (`floor.ts`): whole processes, side by side in one run.
 *
 *     npm run bench -- cost --rows 50000 --runs 3 --only 'attributes protobuf gzip'
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureCost } from './cost.ts';
import { costTable } from './tables.ts';

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const directory = await mkdtemp(join(tmpdir(), 'penstock-bench-'));
try {
  const cost = await measureCost({
    rows: Number(values.rows),
    runs: Number(values.runs),
    only: values.only,
    directory,
  });
  process.stdout.write(`${costTable(cost)}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
