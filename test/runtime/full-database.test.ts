import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { takeSnapshot } from '../../src/observe/snapshot.ts';
import { ACCEPTED } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { NO_POSTGRES, ownSchema } from '../support/postgres.ts';
import { ReplicaLab } from './support.ts';

describe.skipIf(NO_POSTGRES !== undefined)('a journal on PostgreSQL that is at its cap', () => {
  it('requests nothing; delivery goes on when it can, then polling does, and nothing is lost', async () => {
    await using own = await ownSchema();
    const { url, schema } = own;
    const state = { max_bytes: '8MiB' };
    await using lab = await ReplicaLab.open({ url, schema, lease: 15_000, consoles: 1, receivers: 1, state });
    const [console] = lab.consoles;
    const [receiver] = lab.receivers;
    if (console === undefined || receiver === undefined) throw new Error('There is one of each.');
    receiver.answer = () => ({ status: 503, headers: { 'retry-after': '1' } });
    const random = seeded(8);
    const signIn = () => {
      const attempt = loginAttempt(random, Date.now(), console.users);
      // It does not compress.
      console.add([{ ...attempt, attempt_method: randomBytes(480_000).toString('base64') }]);
    };
    const { app } = await lab.start('one');
    const isFull = async () => {
      const { journal } = await takeSnapshot(app);
      return journal.troubles.some(({ reason }) => reason === 'overflowing');
    };

    for (let rows = 0; rows < 24; rows += 1) signIn();
    await lab.until(isFull);
    signIn();
    // A request may have been under way.
    await pause(1_500);
    const requested = console.requests.length;
    await pause(3_000);
    const whileFull = console.requests.length - requested;
    receiver.answer = () => ACCEPTED;

    await lab.until(() => receiver.received().length >= console.rows.length);

    expect(whileFull).toBe(0);
    expect(lab.isExact).toBe(true);
    expect(await app.journal.gaps.of()).toEqual([]);
  });
});
