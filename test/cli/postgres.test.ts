import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_POSTGRES, sharedPostgres, startPostgres } from '../support/postgres.ts';
import { configurationAt, openSharedWorld, type SharedWorld } from './support/shared-world.ts';

describe.skipIf(NO_POSTGRES)('commands with the state in PostgreSQL', () => {
  let world: SharedWorld;

  beforeEach(async () => {
    world = await openSharedWorld();
  });

  afterEach(() => world[Symbol.asyncDispose]());

  test('once collects and delivers, and others read what it left', async () => {
    const pass = await world.run('once --json');
    expect(pass.code).toBe(0);
    expect(pass.rows.at(-1)).toMatchObject({ undelivered: 0, rejected: 0 });

    const [status] = (await world.run('status --json')).rows;
    expect(status).toMatchObject({
      sources: [{ source: 'console', state: 'healthy', streams: 1, replica: null }],
      destinations: [{ destination: 'siem', waiting: 0, replica: null }],
      replicas: [],
    });
    expect((await world.run('gaps')).code).toBe(0);
    expect((await world.run('state show --json')).rows.at(-1)).toMatchObject({
      state: expect.stringMatching(
        new RegExp(`^127\\.0\\.0\\.1:\\d+/.+, schema ${world.schema}$`),
      ) as unknown,
      events: 0,
    });
    expect((await world.run('dead-letters list')).code).toBe(0);
    expect(world.receiver.received().length).toBeGreaterThan(30);
  });

  test('a role that may only read and write rows runs everything but a migration', async () => {
    await using server = await startPostgres();
    const places = { owner: { url: server.url() }, role: { url: server.url({ user: 'penstock_run' }) } };
    await writeFile(world.config, configurationAt(world, { postgres: places.owner }));
    expect((await world.run('state list')).code).toBe(0);
    expect((await world.run('once')).code).toBe(0);
    // As docs/replicas.md has it.
    await server.query('CREATE ROLE penstock_run LOGIN');
    await server.query('GRANT USAGE ON SCHEMA penstock TO penstock_run');
    await server.query(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA penstock TO penstock_run',
    );
    await writeFile(world.config, configurationAt(world, { postgres: places.role }));

    for (const line of [
      'once',
      'status',
      'backfill console --from 2d --to 1d',
      'state reset console --yes',
      'once',
    ])
      expect([line, (await world.run(line)).code]).toEqual([line, 0]);
  });

  test('commands that only read say that there is no state, and create none', async () => {
    const status = await world.run('status');
    expect(status.code).toBe(0);
    expect(status.stderr).toMatch(
      /The state in 127\.0\.0\.1:\d+\/.*, schema .* is empty; nothing has been collected yet/,
    );

    const replay = await world.run('replay --destination siem --from 1h');
    expect(replay.code).toBe(5);
    expect(replay.stderr).toContain(
      'Check state.postgres. The first `penstock run` or `penstock once` creates it.',
    );
    const server = await sharedPostgres();
    expect(await server.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [world.schema])).toEqual([]);
  });

  test('check tells of the database, then of sources and destinations', async () => {
    const { code, rows } = await world.run('check --json');

    // The server of the tests syncs nothing, which is a failure.
    expect(code).toBe(5);
    expect(rows.map(({ subject, probe, verdict }) => [subject, probe, verdict].join(' '))).toEqual([
      'state database ok',
      'state grants ok',
      'state durability fail',
      'state clock ok',
    ]);
  });

  test('check goes on to sources and destinations where the database is fit', async () => {
    await using server = await startPostgres({ settings: { fsync: 'on' } });
    await writeFile(world.config, configurationAt(world, { postgres: { url: server.url() } }));

    const { code, rows } = await world.run('check --json');

    expect(code).toBe(0);
    expect(new Set(rows.map(({ subject }) => subject))).toEqual(
      new Set(['state', 'source console', 'destination siem']),
    );
  });

  test('preview shows what would be sent, and leaves no state behind', async () => {
    const { code, rows } = await world.run('preview console --limit 2 --json');

    expect(code).toBe(0);
    expect(rows).toHaveLength(2);
  });

  test('a state moves to PostgreSQL and back, and nothing is sent again', async () => {
    const directory = join(world.path, 'sqlite.yaml');
    await writeFile(directory, configurationAt(world, { path: join(world.path, 'state') }));
    const back = join(world.path, 'back.yaml');
    await writeFile(back, configurationAt(world, { path: join(world.path, 'back') }));
    const document = join(world.path, 'state.json');
    expect((await world.run(`once -c ${directory}`)).code).toBe(0);
    const sent = world.receiver.received().length;

    await writeFile(document, (await world.run(`state export -c ${directory}`)).stdout);
    expect((await world.run(`state import ${document}`)).stderr).toBe('');
    expect((await world.run('once')).code).toBe(0);
    expect(world.receiver.received()).toHaveLength(sent);
    const twice = await world.run(`state import ${document}`);
    expect(twice.code).toBe(5);
    expect(twice.stderr).toContain('is not empty, so an import would mix two states');

    await writeFile(document, (await world.run('state export')).stdout);
    expect((await world.run(`state import ${document} -c ${back}`)).code).toBe(0);
    expect((await world.run(`once -c ${back}`)).code).toBe(0);
    expect(world.receiver.received()).toHaveLength(sent);
  });

  test('state reset forgets a source, and rewind moves its cursor', async () => {
    await world.run('once');

    const rewound = await world.run('state rewind console --to 30m --json');
    expect(rewound.code).toBe(0);
    expect(rewound.rows).toMatchObject([{ source: 'console' }]);
    const reset = await world.run('state reset console --yes --json');
    expect(reset.code).toBe(0);
    expect(reset.rows).toMatchObject([{ source: 'console', streams: 1 }]);
  });
});

describe.skipIf(NO_POSTGRES)('a database that cannot be used', () => {
  let world: SharedWorld;

  beforeEach(async () => {
    world = await openSharedWorld();
  });

  afterEach(() => world[Symbol.asyncDispose]());

  test.each([
    ['status', 10_000],
    ['once --deadline 2s', 2_000],
  ])(
    '%s ends with exit 5 within %i ms when the database does not answer',
    { timeout: 20_000 },
    async (line, deadline) => {
      const url = 'postgres://penstock:password-of-penstock@127.0.0.1:1/penstock';
      await writeFile(world.config, configurationAt(world, { postgres: { url } }));
      const began = Date.now();

      const { code, stdout, stderr } = await world.run(line);

      expect(code).toBe(5);
      expect(Date.now() - began).toBeLessThan(deadline + 2_000);
      expect(stderr).toContain('The database at 127.0.0.1:1/penstock does not answer');
      expect(stderr).toContain('Check that the server runs, and that state.postgres.url leads to it.');
      expect(stdout + stderr).not.toContain('password-of-penstock');
    },
  );

  test('a database that comes within the deadline is used', { timeout: 20_000 }, async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    await writeFile(world.config, configurationAt(world, { postgres: { url: server.url() } }));
    await server.stop('immediate');

    const pass = world.run('once --deadline 15s');
    await pause(1_500);
    await server.restart();

    expect((await pass).code).toBe(0);
  });

  test('a refused role, foreign tables and a server without TLS end with exit 5, with what to do, and at once', async () => {
    await using server = await startPostgres({ auth: 'scram-sha-256' });
    await server.query("CREATE ROLE ann LOGIN PASSWORD 'password-of-ann'");
    await server.query('CREATE SCHEMA hr AUTHORIZATION ann');
    await server.query('CREATE TABLE hr.salaries (id int)');
    const url = (password: string) => server.url({ user: 'ann', password });
    const places: readonly (readonly [Record<string, unknown>, string])[] = [
      [
        { url: url('another-password') },
        'refuses role ann: password authentication failed for user "ann". Check',
      ],
      [{ url: url('password-of-ann') }, 'run: CREATE SCHEMA penstock AUTHORIZATION ann'],
      [{ url: url('password-of-ann'), schema: 'hr' }, 'holds tables that are not of Penstock (salaries)'],
      [
        { url: `${url('password-of-ann')}?sslmode=verify-full` },
        'add ?sslmode=disable to state.postgres.url',
      ],
    ];
    for (const [postgres, words] of places) {
      await writeFile(world.config, configurationAt(world, { postgres }));
      const began = Date.now();

      const { code, stdout, stderr } = await world.run('once');

      expect(stderr).toContain(words);
      expect(code).toBe(5);
      expect(Date.now() - began).toBeLessThan(5_000);
      expect(stdout + stderr).not.toMatch(/another-password|password-of-ann/);
    }
  });

  test(
    'run waits for a database that is away, says so once and to probes, and goes on by itself',
    { timeout: 30_000 },
    async () => {
      await using server = await startPostgres();
      await server.stop('immediate');
      const listen = `127.0.0.1:${await freePort()}`;
      const text = configurationAt(world, { postgres: { url: server.url() } });
      await writeFile(world.config, `${text}admin: { listen: "${listen}" }\nreplica: pod-7\n`);
      const stop = new AbortController();

      const ended = world.run('run', { stop: stop.signal });
      const away = await until(async () => probe(`http://${listen}/readyz`));
      const alive = await probe(`http://${listen}/livez`);
      await pause(2_000);
      await server.restart();
      await until(async () => (await probe(`http://${listen}/readyz`)).status === 200 || undefined);
      await world.receiver.until(40);
      const page = (await probe(`http://${listen}/?q=pod-7`)).body;
      stop.abort();
      const { code, stderr } = await ended;

      expect(away.status).toBe(503);
      expect(away.body).toContain('"reason":"state-unavailable"');
      expect(away.body).toContain('does not answer');
      expect(alive.status).toBe(200);
      expect(page).toMatch(/console<small>qradar-login-attempts, 1 stream, on pod-7</);
      expect(page).toMatch(/siem<small>on pod-7</);
      expect(page).toMatch(/pod-7<\/a>: run for \S+, 1 source, 1 destination/);
      expect(stderr.split('\n').filter((line) => line.includes('does not answer'))).toHaveLength(1);
      expect(code).toBe(0);
    },
  );

  test('run ends with exit 5 when the database refuses its role', async () => {
    await using server = await startPostgres({ auth: 'scram-sha-256' });
    const url = server.url({ user: 'nobody', password: 'password-of-nobody' });
    await writeFile(world.config, configurationAt(world, { postgres: { url } }));

    const { code, stderr } = await world.run('run');

    expect(code).toBe(5);
    expect(stderr).toContain('refuses role nobody');
    expect(stderr).not.toContain('password-of-nobody');
  });
});

async function probe(url: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
}

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await pause(100);
  }
}

/** A port of loopback that nobody uses. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
