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

const BEGIN = /^BEGIN/;
const FENCE = /^UPDATE penstock\.lease SET revision/;

/** Statements of what a lease fences: the begin, the fence, each write of a page, of what was acknowledged, and the end. */
const STATEMENTS = [
  BEGIN,
  FENCE,
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

  /** The shape of a statement in such a transaction; undefined for all others, also for what begins one. */
  shapeOf({ sql, connection }: Statement): string | undefined {
    const shape = shapeOf(sql);
    if (shape.startsWith('BEGIN')) {
      this.#begun.add(connection);
      return undefined;
    }
    // The fence is the first statement.
    if (this.#begun.delete(connection) && FENCE.test(shape)) this.#fenced.add(connection);
    if (!this.#fenced.has(connection)) return undefined;
    if (/^(COMMIT|ROLLBACK)/.test(shape)) this.#fenced.delete(connection);
    return shape;
  }
}

/** Where a replica was stopped. */
interface Stop {
  readonly pattern: RegExp;
  readonly connection: number;
}

/**
 * Resolves with the first of these statements that comes; it, and all that come after it, wait before the server for
 * `released`. A BEGIN counts when the statement behind it is the fence.
 */
async function nextOf(
  statements: ReadonlySet<RegExp>,
  proxy: PostgresProxy,
  released: Promise<void>,
  then: () => void,
): Promise<Stop> {
  const fenced = new Fenced();
  let found: Stop | undefined;
  const stopAt = (pattern: RegExp | undefined, { connection }: Statement) => {
    if (found === undefined && pattern !== undefined) {
      found = { pattern, connection };
      then();
    }
    return found && released;
  };
  proxy.onStatement = (statement) => {
    const shape = fenced.shapeOf(statement);
    if (found !== undefined) return { before: released };
    if (statements.has(BEGIN) && BEGIN.test(shapeOf(statement.sql))) {
      const next = proxy.following(statement);
      return { before: next.then((sql) => stopAt(FENCE.test(shapeOf(sql)) ? BEGIN : undefined, statement)) };
    }
    const pattern = shape === undefined ? undefined : [...statements].find((one) => one.test(shape));
    const waits = stopAt(pattern, statement);
    return waits && { before: waits };
  };
  await until(
    () => found !== undefined,
    () => `none of ${[...statements].join(', ')} was sent`,
  );
  return found as unknown as Stop;
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
    let refusal: string | undefined;
    const takeovers: (readonly [statement: string, Takeover])[] = [];

    while (left.size > 0) {
      await until(
        () => sourcesOf(world, stale).some((source) => source.startsWith('console')),
        () => `${stale.name} works again\n${logsOf(behindProxy)}`,
      );
      const released = Promise.withResolvers<void>();
      const stop = await nextOf(left, proxy, released.promise, () => stale.child.kill('SIGSTOP'));
      takeovers.push([String(stop.pattern), await takenOver(world, cluster, stale)]);
      left.delete(stop.pattern);
      proxy.onStatement = undefined;
      const since = proxy.completed.length;
      released.resolve();
      stale.child.kill('SIGCONT');
      // The server begins the transaction now, so nothing but the fence refuses it. Elsewhere it has ended the transaction itself.
      if (stop.pattern === BEGIN) refusal = await proxy.said(stop.connection, 'lease SET revision', since);
    }
    await behindProxy.replicas.stop();
    await cluster.replicas.stop();
    await settle(world, cluster.config);

    report('paused at, takeovers in ms', takeovers);
    report('records', figuresOf(world));
    expect(refusal).toBe('UPDATE 0');
    expect(faultsOf(world)).toEqual([]);
  });
});
