import { expect, it } from 'vitest';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { openLab, type Step } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';

const TOKEN = 'token-of-the-kill-test';
const HOUR = 3_600_000;
const NOTHING: Step = () => undefined;

it.each([1, 2, 3, 4].map((seed) => ({ seed })))(
  'killed before, at and after commits, it never sends a dropped event and loses no other (seed $seed)',
  async ({ seed }) => {
    const dice = seeded(seed);
    const clock = new DrivenClock();
    const now = clock.now();
    await using console = await startConsole({
      clock,
      token: TOKEN,
      rows: loginAttempts({
        random: dice,
        count: 400,
        from: now - 2 * HOUR,
        to: now - 300_000,
        duplicates: 0.1,
      }),
    });
    await using receiver = await startReceiver({ clock });
    let onStep = NOTHING;
    let commits = 0;
    await using lab = await openLab({
      clock,
      config: {
        destinations: { siem: { endpoint: receiver.url } },
        sources: {
          console: {
            type: 'qradar-login-attempts',
            base_url: console.url,
            token: TOKEN,
            schedule: 'every 1m',
            page_size: 40,
            shape: { drop: ['event.outcome == "success"'], original: true },
          },
        },
      },
      onStep: (...step) => onStep(...step),
    });
    let kills = 0;
    for (let life = 0; life < 8; life += 1) {
      const phase = dice() < 0.5 ? 'before' : 'after';
      let left = 1 + Math.floor(dice() * 3);
      onStep = (name, at) => {
        if (name !== 'commit' || at !== phase) return;
        commits += 1;
        left -= 1;
        if (left === 0) lab.kill();
      };
      await lab.open();
      lab.start();
      for (let seconds = 0; seconds < 120 && !lab.killed; seconds += 1) await lab.advance(1_000);
      if (lab.killed) kills += 1;
      else await lab.stop();
    }
    onStep = NOTHING;
    const app = await lab.open();
    lab.start();
    await lab.advance(5 * 60_000);

    const [stream] = await app.journal.streams.all();
    const rows = console.rows as readonly LoginAttempt[];
    const kept = rows.filter((row) => row.attempt_result !== 'SUCCESS');
    expect(kills).toBeGreaterThan(2);
    expect(commits).toBeGreaterThan(kills);
    expect(multiset(distinct(receiver.ids()).map(arrivedTuple))).toEqual(multiset(kept.map(tupleOf)));
    expect(stream).toMatchObject({ dropped: rows.length - kept.length, ledger: rows.length });
  },
);
