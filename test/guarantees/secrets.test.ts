import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { refusing } from '../../src/simulators/otlp-receiver.ts';
import { openWorld, type World } from '../cli/support/world.ts';

/** As operators' credentials are: printable, and long enough to be one. */
const secret = fc.stringMatching(/^[!-~]{16,40}$/).filter((text) => !/[\\$]/.test(text));

/** Bytes in which a secret would be found, wherever it stands in them. */
function spellings(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const json = JSON.stringify(text).slice(1, -1);
  return [
    text,
    json,
    encodeURIComponent(text),
    percent,
    percent.toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    Buffer.from(`user:${text}`).toString('base64'),
    Buffer.from(`Bearer ${text}`).toString('base64'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ];
}

const COMMANDS = [
  'once --json --deadline 3s',
  'check',
  'status --json',
  'gaps --json',
  'preview console --json',
  'dead-letters list --json',
  'dead-letters show 1',
  'dead-letters export --destination siem',
  'state show console --json',
  'state export',
];

/** Everything that leaves the process or stays on the disk, byte by byte; the configuration itself is the operator's. */
async function everything(world: World): Promise<string> {
  let all = '';
  for (const line of COMMANDS) {
    const { stdout, stderr } = await world.run(line);
    all += stdout + stderr;
  }
  const directory = join(world.path, 'state');
  for (const name of await readdir(directory))
    all += (await readFile(join(directory, name)).catch(() => Buffer.alloc(0))).toString('latin1');
  const sent = world.receiver.exports.flatMap(({ records }) => records);
  return all + sent.map(({ bytes }) => Buffer.from(bytes).toString('latin1')).join('');
}

it('no secret is in any log, error, dead letter, state, export or record, in any spelling, whoever echoes it', async () => {
  await fc.assert(
    fc.asyncProperty(
      secret,
      secret,
      fc.constantFrom(200, 400, 401, 403, 422, 500),
      async (token, header, status) => {
        await using world = await openWorld({ rows: 3 });
        world.console.tokens.set(token, 'admin');
        const siem = { endpoint: world.receiver.url, headers: { authorization: `Bearer ${header}` } };
        await world.configure(
          { console: { ...world.blocks['console'], token, retries: 0 } },
          { destinations: { siem }, log: { level: 'debug' } },
        );
        const echo = [...spellings(token), ...spellings(header)].join(' ');
        world.receiver.answer = refusing(() => true, { words: echo });
        if (status !== 200) world.console.onRequest = () => ({ status, body: { message: echo, code: 17 } });

        const all = await everything(world);

        expect(all.length).toBeGreaterThan(1_000);
        const found = [...spellings(token), ...spellings(header)].filter((one) => all.includes(one));
        expect(found).toEqual([]);
      },
    ),
    { numRuns: 25 },
  );
});
