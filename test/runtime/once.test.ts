import { expect, it } from 'vitest';
import { JournalWriteError } from '../../src/journal/journal.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const TOKEN = 'token-of-the-once-test';
const HOUR = 3_600_000;

it('a pass that cannot remove delivered pages at its end has its summary, and says so once', async () => {
  const clock = new DrivenClock();
  const span = { from: clock.now() - HOUR, to: clock.now() - HOUR / 2 };
  const rows = loginAttempts({ random: seeded(1), count: 5, ...span });
  await using console = await startConsole({ clock, token: TOKEN, rows });
  await using receiver = await startReceiver({ clock });
  await using lab = await openLab({
    clock,
    config: {
      destinations: { siem: { endpoint: receiver.url } },
      sources: {
        console: { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 1m' },
      },
    },
    onStep: (name, phase) => {
      if (name === 'trim' && phase === 'before') throw new JournalWriteError('database is locked');
    },
  });
  await lab.open();

  const summary = await lab.once();
  await lab.stop();

  expect(summary.undelivered).toBe(0);
  expect(receiver.received()).toHaveLength(5);
  const lines = lab.log.filter((line) => line.includes('database is locked'));
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    'log.level': 'warn',
    message: 'Delivered pages could not be removed. The next pass removes them.',
  });
});
