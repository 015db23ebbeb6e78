import { expect, test } from 'vitest';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

test('other work takes its turn while a destination passes over pages that it does not receive', async () => {
  await using running = await startDelivery({ overrides: { sources: ['console'] } });
  const pages = 500;
  for (let page = 0; page < pages; page += 1) running.journal.add(events(1), { source: 'another' });
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);

  running.start();
  await running.delivery.idle();
  isOver = true;

  expect(running.journal.passed).toBe(pages);
  expect(turns).toBeGreaterThanOrEqual(pages);
});
