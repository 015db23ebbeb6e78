import { describe, expect, it } from 'vitest';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { type PostgresProxy, type Statement, startProxy } from '../../support/postgres-proxy.ts';
import {
  clusterOn,
  everySourcePolled,
  logsOf,
  sourcesOf,
  type Takeover,
  takenOver,
  until,
} from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { settle } from './settle.ts';
import { shapeOf } from './statements.ts';
import { startWorld } from './world.ts';

/** Statements of what a lease fences (of BEGIN any, it is not seen whose it is): the begin, the fence, each write of a page, of what was acknowledged, and the end. */
const STATEMENTS = [
  /^BEGIN/,
  /^UPDATE penstock\.lease SET revision/,
  /^UPDATE penstock\.stream/,
  /INSERT INTO penstock\.ledger /,
  /INSERT INTO penstock\.page /,
  /^UPDATE penstock\.destination /,
  /^COMMIT/,
];

/** Knows which connections are within a transaction that a lease fences. */
class Fenced {
  readonly #begun = new Set<number>();
  readonly #fenced = new Set<number>();

  /** The shape of a statement in such a transaction, or of one that begins any; undefined for all others. */
  shapeOf({ sql, connection }: Statement): string | undefined {
    const shape = shapeOf(sql);
    if (shape.startsWith('BEGIN')) {
      this.#begun.add(connection);
      return shape;
    }
    // The fence is the first statement.
    if (this.#begun.delete(connection) && shape.startsWith('UPDATE penstock.lease SET revision'))
      this.#fenced.add(connection);
    if (!this.#fenced.has(connection)) return undefined;
    if (/^(COMMIT|ROLLBACK)/.test(shape)) this.#fenced.delete(connection);
    return shape;
  }
}

/** Resolves with the first of these statements that comes; it, and all that come after it, wait before the server for `released`. */
async function nextOf(
  statements: ReadonlySet<RegExp>,
  proxy: PostgresProxy,
  released: Promise<void>,
  then: () => void,
): Promise<RegExp> {
  const fenced = new Fenced();
  let found: RegExp | undefined;
  proxy.onStatement = (statement) => {
    if (found !== undefined) return { before: released };
    const shape = fenced.shapeOf(statement);
    if (shape === undefined) return undefined;
    found = [...statements].find((pattern) => pattern.test(shape));
    if (found === undefined) return undefined;
    then();
    return { before: released };
  };
  await until(
    () => found !== undefined,
    () => `none of ${[...statements].join(', ')} was sent`,
  );
  return found as unknown as RegExp;
}

describe.skipIf(NO_POSTGRES)('a replica that is paused at any statement of what its lease fences', () => {
  it('and wakes up when another one has taken over: nothing is lost, and nothing is sent as something new', async () => {
    await using world = await startWorld({ seed: 101, trouble: false, perMinute: 600 });
    await using server = await startPostgres();
    await using proxy = await startProxy(server.url());
    await using cluster = await clusterOn(world, server.url());
    await using behindProxy = await clusterOn(world, proxy.url, 'stale');
    const stale = behindProxy.replicas.start();
    await everySourcePolled(world, behindProxy);
    cluster.replicas.start();
    const left = new Set(STATEMENTS);
    const takeovers: (readonly [statement: string, Takeover])[] = [];

    while (left.size > 0) {
      await until(
        () => sourcesOf(world, stale).some((source) => source.startsWith('console')),
        () => `${stale.name} works again\n${logsOf(behindProxy)}`,
      );
      const released = Promise.withResolvers<void>();
      const statement = await nextOf(left, proxy, released.promise, () => stale.child.kill('SIGSTOP'));
      takeovers.push([String(statement), await takenOver(world, cluster, stale)]);
      left.delete(statement);
      proxy.onStatement = undefined;
      released.resolve();
      stale.child.kill('SIGCONT');
    }
    await behindProxy.replicas.stop();
    await cluster.replicas.stop();
    await settle(world, cluster.config);

    report('paused at, takeovers in ms', takeovers);
    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
