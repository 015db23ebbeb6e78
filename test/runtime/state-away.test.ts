import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminRoutes } from '../../src/observe/admin.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { ReplicaLab, type TestReplica } from './support.ts';

const LEASE = 3_000;

let server: PostgresServer;
let lab: ReplicaLab;
let metrics: Metrics;

/** `/readyz`: its status and its reasons. */
async function readyz({ app }: TestReplica): Promise<readonly [number, ...string[]]> {
  const answer = await adminRoutes({ observed: async () => app, metrics }).get('/readyz')?.();
  const { reasons } = JSON.parse(answer?.body ?? '{}') as { reasons: { subject: string; reason: string }[] };
  return [answer?.status ?? 0, ...reasons.map(({ subject, reason }) => `${subject}: ${reason}`)];
}

describe.skipIf(NO_POSTGRES !== undefined)('a database that is away', () => {
  beforeEach(async () => {
    server = await startPostgres();
    metrics = new Metrics({ resource: {}, startedAt: Date.now() });
    lab = await ReplicaLab.open({
      url: server.url(),
      schema: 'penstock',
      lease: LEASE,
      consoles: 3,
      receivers: 1,
    });
  });

  afterEach(async () => {
    await lab[Symbol.asyncDispose]();
    await metrics[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it.each(['fast', 'immediate'] as const)(
    'without its database (%s) a replica is not ready at once, requests nothing, says so once, and goes on by itself',
    async (mode) => {
      const one = await lab.start('one');
      await lab.until(() => lab.isExact);
      const before = await readyz(one);

      await server.stop(mode);
      await lab.until(async () => (await readyz(one))[0] === 503);
      const during = await readyz(one);
      // A request may have been under way.
      await pause(500);
      const asked = requests();
      lab.signIn();
      await pause(2 * LEASE);
      const askedMeanwhile = requests() - asked;
      const errors = one.log.filter((line) => line['log.level'] === 'error');
      await server.restart();
      await lab.until(() => lab.isExact);
      await lab.until(async () => (await readyz(one))[0] === 200);

      expect(before).toEqual([200]);
      expect(during).toEqual([503, 'state: state-unavailable']);
      expect(askedMeanwhile).toBe(0);
      expect(errors.map((line) => line['message'])).toEqual([
        'The state is not available. Nothing is polled or delivered until it is; it is tried again.',
      ]);
      expect(one.logged('The state is available again.')).toHaveLength(1);
    },
  );
});

function requests(): number {
  return lab.consoles.reduce((sum, console) => sum + console.requests.length, 0);
}
