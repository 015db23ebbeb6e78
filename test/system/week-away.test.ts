import { expect, it } from 'vitest';
import { openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { ACCEPTED, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TOKEN = 'token-of-the-week';

it('a week without the SIEM, with restarts: polling goes on, and everything arrives once when it is back', async () => {
  const clock = new DrivenClock();
  const random = seeded(17);
  await using console = await startConsole({ clock, token: TOKEN });
  await using receiver = await startReceiver({ clock });
  await using lab = await openLab({
    clock,
    config: {
      destinations: { siem: { endpoint: receiver.url } },
      sources: {
        console: { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 5m' },
      },
    },
  });
  receiver.answer = () => ({ status: 503, headers: { 'retry-after': '1800' } });
  await lab.open();
  lab.start();

  for (let hours = 0; hours < 7 * 24; hours += 1) {
    for (let rows = 0; rows < 6; rows += 1) {
      console.add([loginAttempt(random, clock.now(), console.users)]);
      await lab.advance(10 * MINUTE);
    }
    if (random() > 0.06) continue;
    lab.kill();
    await lab.open();
    lab.start();
  }
  const waiting = await lab.app.journal.destinations.waiting('siem');
  receiver.answer = () => ACCEPTED;
  await lab.advance(DAY / 24);

  const records = distinct(receiver.ids());
  expect(waiting).toBeGreaterThan(800);
  expect(receiver.received()).toHaveLength(console.rows.length);
  expect(multiset(records.map(arrivedTuple))).toEqual(
    multiset((console.rows as LoginAttempt[]).map(tupleOf)),
  );
});
