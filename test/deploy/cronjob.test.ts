import { stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { startCli } from '../support/cli.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { kustomized } from './support/kustomized.ts';
import { IMAGE, makePod, podsSkipped } from './support/pod.ts';
import { tools } from './support/tools.ts';

const TOKEN = 'token-of-the-deploy-tests';
const DAY = 86_400_000;
const MINUTE = 60_000;

const { folders, skipped } = await tools('kubernetes');
const reason = skipped || podsSkipped();

/** The console's clock: it goes on by itself, as Penstock's does, and minutes pass at once. */
class JumpingClock implements Clock {
  #ahead = 0;

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  jump(ms: number): void {
    this.#ahead += ms;
  }
}

function isAttempt({ record }: ReceivedRecord): boolean {
  return record.attributes['event.dataset'] === 'qradar.login_attempts';
}

describe.skipIf(reason !== '')(`The CronJob of deploy/kubernetes${reason}`, () => {
  it('ships everything once in three runs, the first of them killed, while the console goes on', async () => {
    const clock = new JumpingClock();
    const random = seeded(7);
    const began = clock.now();
    const rows = loginAttempts({ random, count: 8_000, from: began - 6 * DAY, to: began });
    await using console = await startConsole({ clock, token: TOKEN, rows });
    await using receiver = await startReceiver({ clock: systemClock });
    await using pod = await makePod(await kustomized(folders.kubernetes, 'cronjob'), {
      secrets: { 'qradar-token': `${TOKEN}\n` },
      addresses: {
        'https://qradar.example.com': console.url,
        'http://opentelemetry-collector:4318': receiver.url,
      },
    });
    const job = () => startCli(pod.args('penstock'), pod.container('penstock', IMAGE));
    const pass = (from: number, count: number) => {
      console.add(loginAttempts({ random, count, from, to: clock.now() + 5 * MINUTE }));
      clock.jump(5 * MINUTE);
    };

    const first = job();
    // The receiver has taken its first request, and Penstock never hears of it.
    receiver.onRecords = () => void first.child.kill('SIGKILL');
    const killed = await first.ended;
    receiver.onRecords = undefined;
    const unheard = receiver.received().length;
    pass(clock.now(), 300);
    const second = await job().ended;
    // Some of these come late: they are older than what was read.
    pass(clock.now() - 3 * MINUTE, 300);
    clock.jump(2 * MINUTE);
    const third = await job().ended;

    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    expect(unheard).toBeLessThan(rows.length);
    expect(second.code, second.stderr).toBe(0);
    expect(third.code, third.stderr).toBe(0);
    const arrived = distinct(receiver.ids()).filter(isAttempt);
    expect(receiver.received().filter(isAttempt).length - arrived.length).toBeLessThanOrEqual(unheard);
    expect(multiset(arrived.map(arrivedTuple))).toEqual(
      multiset((console.rows as LoginAttempt[]).map(tupleOf)),
    );
    expect((await stat(`${pod.state}/state`)).mode & 0o777).toBe(0o700);
    expect((await stat(pod.state)).mode & 0o7777).toBe(0o2775);
  });
});
