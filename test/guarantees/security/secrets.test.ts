import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../../../src/simulators/seeded.ts';
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { outputsOf, storedInDirectory, storedInPostgres } from './secret-outputs.ts';
import { search } from './secret-spellings.ts';
import { type Answers, openSecretWorld, PLANTED, SECRET_NAMES, type Secrets } from './secret-world.ts';

/** As operators' credentials are: printable, and long enough to be one. */
const secret = fc.stringMatching(/^[!-~]{16,40}$/).filter((text) => !/[\\$]/.test(text));

const secrets = fc.record(Object.fromEntries(SECRET_NAMES.map((name) => [name, secret])));

const answers: fc.Arbitrary<Answers> = fc.record({
  vendor: fc.constantFrom(200, 302, 400, 401, 403, 404, 422, 429, 500, 503),
  token: fc.constantFrom(200, 200, 200, 302, 400, 401, 500),
  receiver: fc.constantFrom(200, 400, 400, 401, 429, 503),
  type: fc.constantFrom('application/json', 'text/html', 'text/plain'),
});

/** The draws that reach most: data and dead letters; each rejection of a credential; an outage. */
const CERTAIN: readonly Answers[] = [
  { vendor: 200, token: 200, receiver: 400, type: 'application/json' },
  { vendor: 401, token: 200, receiver: 401, type: 'text/plain' },
  { vendor: 200, token: 400, receiver: 503, type: 'application/json' },
  { vendor: 500, token: 500, receiver: 429, type: 'text/html' },
];

const ordinary: Secrets = Object.fromEntries(
  SECRET_NAMES.map((name) => [name, `secret-of/the+${name}&"<Ab12>`]),
);

it('no secret is in any log, error, metric, dead letter, state, export or record, in any spelling, whoever echoes it', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, answers, fc.nat(), async (secrets, answers, seed) => {
      await using opened = await openSecretWorld({ secrets, answers, random: seeded(seed) });

      const outputs = await outputsOf(opened);
      const stored = await storedInDirectory(join(opened.world.path, 'state'));

      expect(search(new Map([...outputs, ...stored]), opened.secrets())).toEqual([]);
    }),
    { numRuns: 8, endOnFailure: true, examples: CERTAIN.map((certain, seed) => [ordinary, certain, seed]) },
  );
});

/** Where something is shown in any case: the name of a source, what a user did, what a vendor or a receiver said. */
const SHOWING = [
  'check, stdout',
  'check --json, stdout',
  'check on a terminal, stdout',
  'once --json --deadline 1s, stdout',
  'once --json --deadline 1s, stderr',
  `preview ${PLANTED} --json, stdout`,
  'status --json, stdout',
  'status on a terminal, stdout',
  'state list --json, stdout',
  'state export, stdout',
  'dead-letters list --json, stdout',
  'dead-letters show 1, stdout',
  'dead-letters list on a terminal, stdout',
  'dead-letters export --destination siem, stdout',
  'run, stderr',
  '/',
  '/readyz',
  '/metrics',
  'metrics over OTLP',
  'what destinations get',
  'penstock.db',
  'table page',
  'table dead_letter',
  'table poll',
];

it('the search for secrets sees each output: what is planted there is found', async () => {
  const seen = new Set<string>();
  for (const vendor of [200, 422]) {
    const answers: Answers = { vendor, token: 200, receiver: 400, type: 'application/json' };
    const options = { secrets: ordinary, answers, random: seeded(1), say: () => PLANTED };
    await using opened = await openSecretWorld(options);
    const outputs = await outputsOf(opened);
    const stored = await storedInDirectory(join(opened.world.path, 'state'));
    for (const { output } of search(new Map([...outputs, ...stored]), { PLANTED })) seen.add(output);
    expect(outputs.get('the recording')).toContain('path: /records');
  }

  expect(SHOWING.filter((output) => !seen.has(output))).toEqual([]);
});

describe.skipIf(NO_POSTGRES)('with the state on PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ auth: 'scram-sha-256' });
    await server.query('CREATE ROLE penstock LOGIN');
    await server.query('GRANT CREATE ON DATABASE postgres TO penstock');
  });

  afterAll(() => server[Symbol.asyncDispose]());

  /** The secrets with the password in them, and the state whose URL has it. */
  async function withPassword(secrets: Secrets, password: string, schema: string) {
    const url = server.url({ user: 'penstock', password });
    return { secrets: { ...secrets, postgres: password }, state: { postgres: { url, schema } } };
  }

  it('no secret is in any output or table, in any spelling, whoever echoes it', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(secret, answers, fc.nat(), async (password, answers, seed) => {
        const schema = `secrets_${(runs += 1)}`;
        await server.query(`ALTER ROLE penstock PASSWORD '${password.replaceAll("'", "''")}'`);
        const place = await withPassword(ordinary, password, schema);
        await using opened = await openSecretWorld({ ...place, answers, random: seeded(seed) });

        const outputs = await outputsOf(opened);
        const stored = await storedInPostgres(server, schema);

        expect(stored.size).toBeGreaterThan(10);
        expect(search(new Map([...outputs, ...stored]), opened.secrets())).toEqual([]);
      }),
      {
        numRuns: 2,
        endOnFailure: true,
        examples: CERTAIN.slice(0, 1).map((one) => ['p@ss/word:of+the#state', one, 1]),
      },
    );
  });

  it('a password that the database rejects is in no output', async () => {
    const [answers] = CERTAIN as [Answers];
    const place = await withPassword(ordinary, 'not/the&password"of<it>', 'secrets_0');
    await using opened = await openSecretWorld({ ...place, answers, random: seeded(1) });

    const { code, stdout, stderr } = await opened.world.run('check', { env: opened.env });

    expect(code).toBe(5);
    expect(stderr).toContain('penstock');
    expect(search(new Map([['check', stdout + stderr]]), opened.secrets())).toEqual([]);
  });
});
