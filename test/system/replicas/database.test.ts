import { describe, expect, it } from 'vitest';
import { pick, seeded } from '../../../src/simulators/seeded.ts';
import { NO_PGBOUNCER, startPgBouncer } from '../../support/pgbouncer.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { type Fate, type PostgresProxy, startProxy } from '../../support/postgres-proxy.ts';
import { clusterOn, everySourcePolled, logsOf, until } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { settle } from './settle.ts';
import { shapeOf } from './statements.ts';
import { someRequests, startWorld } from './world.ts';

/** Statements of a commit, of an acknowledgement and of a renewal; the end of each transaction. */
const ESSENTIAL = [
  /^COMMIT/,
  /^BEGIN/,
  /UPDATE penstock\.lease SET revision/,
  /INSERT INTO penstock\.page/,
  /UPDATE penstock\.destination/,
  /INSERT INTO penstock\.quota/,
  /INSERT INTO penstock\.replica/,
];

const FATES: readonly Fate[] = ['cut', 'cut-answer'];

/** Ends the connection at each statement that the product sends: once before the server sees it, once before the client knows the answer. */
class Cutter {
  readonly cuts = new Map<string, number>();
  #last = Date.now();

  constructor(proxy: PostgresProxy) {
    proxy.onStatement = ({ sql }) => {
      const shape = shapeOf(sql);
      const done = this.cuts.get(shape) ?? 0;
      // In between the work goes on, so that every statement comes.
      if (done === FATES.length || Date.now() - this.#last < 400) return undefined;
      this.cuts.set(shape, done + 1);
      this.#last = Date.now();
      return FATES[done];
    };
  }

  /** Whether some statement like this was cut before it and before its answer. */
  wasCutBothWays(pattern: RegExp): boolean {
    return [...this.cuts].some(([shape, cuts]) => pattern.test(shape) && cuts === FATES.length);
  }
}

describe.skipIf(NO_POSTGRES)('a connection to the database that is cut', () => {
  it('at each statement, before it and before its answer: nothing is lost and nothing is sent as something new', async () => {
    await using world = await startWorld({ seed: 53, perMinute: 600 });
    await using server = await startPostgres();
    await using proxy = await startProxy(server.url());
    await using cluster = await clusterOn(world, proxy.url);
    for (let number = 1; number <= 2; number += 1) cluster.replicas.start();
    await everySourcePolled(world, cluster);

    const cutter = new Cutter(proxy);
    await until(
      () => ESSENTIAL.every((pattern) => cutter.wasCutBothWays(pattern)),
      () => `${JSON.stringify([...cutter.cuts])}\n${logsOf(cluster)}`,
    );
    proxy.onStatement = undefined;
    await cluster.replicas.stop();
    await settle(world, cluster.config);

    report('statements cut', [...cutter.cuts]);
    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});

describe.skipIf(NO_POSTGRES ?? NO_PGBOUNCER)('replicas behind PgBouncer in transaction mode', () => {
  it('share the work and survive a kill, with fewer connections than they have', async () => {
    const random = seeded(59);
    await using world = await startWorld({ seed: 59 });
    await using server = await startPostgres();
    await using bouncer = await startPgBouncer(server, { poolSize: 3 });
    await using cluster = await clusterOn(world, bouncer.url());
    const { replicas } = cluster;
    for (let number = 1; number <= 3; number += 1) replicas.start();
    await everySourcePolled(world, cluster);

    for (let kill = 1; kill <= 3; kill += 1) {
      await someRequests(world, random);
      await replicas.kill(pick(random, replicas.running));
      replicas.start();
    }
    await replicas.stop();
    await settle(world, cluster.config);

    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
