import { expect, test } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import { serve } from '../../../src/simulators/server.ts';
import source from '../../../src/sources/petra-failed-attacks/index.ts';

const HOUR = 3_600_000;

test('a day that can never be read keeps no other day in the ledger', async () => {
  const clock = new DrivenClock();
  await using petra = await startPetra({
    clock,
    random: seeded(2),
    token: 'the key',
    tenants: drawTenants(seeded(2), 1),
  });
  const broken = new Date(clock.now() - 24 * HOUR).toISOString().slice(0, 10);
  await using front = await serve(
    async ({ path, query, headers }) => {
      if (query.get('startDate')?.startsWith(broken) === true) return { status: 404 };
      const authorization = headers['authorization'] ?? '';
      const answered = await fetch(`${petra.url}${path}?${query}`, { headers: { authorization } });
      return { status: answered.status, body: await answered.json() };
    },
    { clock },
  );
  const config = { initial_lookback: '2d', revise_days: 1, retries: 0 };
  const lab = new PetraLab({ source, url: front.url, clock, config });
  const entries: number[] = [];

  for (let day = 0; day < 10; day += 1) {
    await lab.poll({ deadline: 20 * 60_000 });
    await clock.advance(23 * HOUR);
    const [stream] = await lab.streams();
    entries.push(stream?.ledger ?? 0);
  }

  expect(lab.events.length).toBeGreaterThan(Math.max(...entries) * 2);
  expect(entries[9]).toBeLessThan((entries[3] ?? 0) * 1.5);
});
