import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_POSTGRES } from '../support/postgres.ts';
import { openSharedWorld, type SharedWorld } from './support/shared-world.ts';

describe.skipIf(NO_POSTGRES)('once beside other replicas', () => {
  let world: SharedWorld;

  beforeEach(async () => {
    world = await openSharedWorld();
  });

  afterEach(() => world[Symbol.asyncDispose]());

  test('two passes that overlap poll a source one after the other, and both end with exit 0', async () => {
    await configure('every 1h', { page_size: 5 });

    const passes = await Promise.all([world.run('once --json'), world.run('once --json')]);

    expect(passes.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(overlaps()).toEqual([]);
    const ids = world.receiver.received().map(({ record }) => record.attributes['log.record.uid']);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
    expect(passes.map(({ rows }) => Number(rows.at(-1)?.['collected']))).toContain(40);
  });

  test('a source that a replica polls is waited for, and what it journaled is delivered', async () => {
    await configure('every 1s');
    await using _replica = await running();

    const { code, rows, stderr } = await world.run('once --json --deadline 30s');

    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(rows.at(-1)).toMatchObject({
      collected: 0,
      undelivered: 0,
      sources: [{ source: 'console', outcome: 'complete', new: 0 }],
    });
    expect(rows.at(-1)).not.toHaveProperty('waited_for');
    expect(overlaps()).toEqual([]);
  });

  test('at its deadline it says what it waited for, and which replica holds it', async () => {
    await configure('every 1h');
    await using _replica = await running();

    const { code, rows } = await world.run('once --json --deadline 3s');

    expect(code).toBe(3);
    expect(rows.at(-1)).toMatchObject({
      sources: [{ source: 'console', outcome: 'cut' }],
      waited_for: [{ source: 'console', replica: 'replica-a' }],
      summary: expect.stringContaining(
        'Waited for what other replicas hold: source console (replica-a).',
      ) as unknown,
    });
  });

  test('what a replica that ends gave back is polled and delivered by the pass', async () => {
    await configure('every 1h');
    const replica = await running();
    const pass = world.run('once --json --deadline 30s');
    await pause(1_000);
    const before = world.console.requests.length;
    await replica[Symbol.asyncDispose]();

    const { code, rows } = await pass;

    expect(code).toBe(0);
    expect(rows.at(-1)).toMatchObject({ sources: [{ source: 'console', outcome: 'complete' }] });
    expect(world.console.requests.length).toBeGreaterThan(before);
  });

  test('status names the replicas and what each works on', async () => {
    await configure('every 1h');
    await using _replica = await running();

    const [status] = (await world.run('status --json')).rows;

    expect(status).toMatchObject({
      replicas: [{ name: 'replica-a', command: 'run', sources: ['console'], destinations: ['siem'] }],
      sources: [{ source: 'console', replica: 'replica-a' }],
      destinations: [{ destination: 'siem', replica: 'replica-a' }],
    });
    const { stdout } = await world.run('status', { tty: true });
    expect(stdout).toMatch(/replica-a +run +\S+ ago +1 +1\n/);
    expect(stdout).toMatch(/State in 127\.0\.0\.1:\d+\/\S+, schema \S+\.\n/);
  });

  test('jobs are done by the replica that holds the source or the destination, or by the command itself', async () => {
    await configure('every 1h');
    {
      await using _replica = await running();
      const backfill = await world.run('backfill console --from 2d --to 1d --json');
      expect(backfill.stderr).toBe('');
      expect(backfill.code).toBe(0);
      const replay = await world.run('replay --destination siem --from 1h --json');
      expect(replay.code).toBe(0);
      const reset = await world.run('state reset console --yes');
      expect(reset.code).toBe(5);
      expect(reset.stderr).toContain('Replica replica-a works on source console now.');
      const document = (await world.run('state export')).stdout;
      const imported = await world.run('state import -', { stdin: document });
      expect(imported.code).toBe(5);
      expect(imported.stderr).toContain('Replica replica-a uses the state in');
    }
    const alone = await world.run('replay --destination siem --from 1h --json');
    expect(alone.code).toBe(0);
    // 40 live, and 40 more for each replay.
    expect(world.receiver.received()).toHaveLength(120);
    const backfill = await world.run('backfill console --from 2d --to 1d --json');
    expect(backfill.code).toBe(0);
    const rewind = await world.run('state rewind console --to 30m --json');
    expect(rewind.code).toBe(0);
  });

  function configure(schedule: string, more: Record<string, unknown> = {}): Promise<void> {
    const console = { ...world.blocks['console'], schedule, ...more };
    return world.configure({ console }, { state: world.state, replica: 'replica-a' });
  }

  /** A daemon that has polled and delivered once. Disposing it stops it. */
  async function running(): Promise<AsyncDisposable> {
    const stop = new AbortController();
    const ended = world.run('run', { stop: stop.signal });
    await world.receiver.until(40);
    return {
      async [Symbol.asyncDispose]() {
        stop.abort();
        expect((await ended).code).toBe(0);
      },
    };
  }

  /** Requests for records that began before the one before had ended. */
  function overlaps(): unknown[] {
    const polls = world.console.requests.filter(({ path }) => path.endsWith('/login_attempts'));
    return polls.filter(({ at }, index) => (polls[index - 1]?.ended ?? 0) > at);
  }
});
