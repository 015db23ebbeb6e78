import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { refusing } from '../../src/simulators/otlp-receiver.ts';
import { openWorld, type World } from './support/world.ts';

/** With what every writer escapes in its own way. */
const TOKEN = 'k3y/of+the?console&"<x>';
const HEADER = 'g8/of+the?siem&"<y>';
const PASSWORD = 'p4/of+the?user&"<z>';

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** A secret as those who answer may write it. */
function spellings(secret: string): readonly string[] {
  const bytes = [...Buffer.from(secret)];
  return [
    secret,
    encodeURIComponent(secret),
    bytes.map((byte) => `%${hex(byte)}`).join(''),
    secret.replaceAll(/[/?&"<>]/g, (character) => `%${hex(character.charCodeAt(0))}`),
    secret.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    bytes.map((byte) => `&#${byte};`).join(''),
    bytes.map((byte) => String.raw`\u00${hex(byte)}`).join(''),
    secret.replaceAll('/', String.raw`\/`).replaceAll('"', String.raw`\"`),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(`us:${secret}`).toString('base64'),
    Buffer.from(`Bearer ${secret}`).toString('base64url'),
  ];
}

/** All that the state directory holds, byte by byte. */
async function stored(world: World): Promise<string> {
  const directory = join(world.path, 'state');
  const names = await readdir(directory);
  const files = await Promise.all(
    names.map((name) => readFile(join(directory, name)).catch(() => Buffer.alloc(0))),
  );
  return Buffer.concat(files).toString('latin1');
}

async function shown(world: World): Promise<string> {
  const lines = [
    'status --json',
    'status',
    'dead-letters list',
    'dead-letters show 1',
    'gaps',
    'check',
    'preview console',
  ];
  let text = '';
  for (const line of lines) {
    const { stdout, stderr } = await world.run(line);
    text += stdout + stderr;
  }
  return text;
}

function expectHidden(text: string, secret: string): void {
  for (const spelling of spellings(secret)) expect(text).not.toContain(spelling);
  expect(text).not.toContain(secret.slice(0, 9));
}

it.each([400, 401, 403, 404, 422, 500])(
  'a credential that a vendor echoes with %i is neither stored nor shown, in no spelling',
  async (status) => {
    await using world = await openWorld({ rows: 3 });
    const console = { ...world.blocks['console'], token: TOKEN, retries: 0 };
    await world.configure({ console });
    const message = `refused: ${spellings(TOKEN).join(' ')}`;
    world.console.onRequest = () => ({ status, body: { message, code: 17, token: TOKEN } });

    const { code, stdout, stderr } = await world.run('once');

    expect(code).toBe(3);
    expect(stderr + stdout).toContain('[secret]');
    expectHidden(stdout + stderr, TOKEN);
    expectHidden(await stored(world), TOKEN);
    expectHidden(await shown(world), TOKEN);
  },
);

it('a credential that a vendor echoes as the pair that Basic encodes is neither stored nor shown', async () => {
  await using world = await openWorld({ rows: 3 });
  const { token: _, ...rest } = world.blocks['console']!;
  await world.configure({ console: { ...rest, username: 'us', password: PASSWORD, retries: 0 } });
  const message = `refused: ${spellings(PASSWORD).join(' ')}`;
  world.console.onRequest = () => ({ status: 422, body: { message } });

  const { stdout, stderr } = await world.run('once');

  expectHidden(stdout + stderr + (await stored(world)), PASSWORD);
});

it.each([400, 503])(
  'a credential that is echoed by a receiver with %i is in no dead letter, log or database',
  async (status) => {
    await using world = await openWorld({ rows: 3 });
    const siem = { endpoint: world.receiver.url, headers: { authorization: `Bearer ${HEADER}` } };
    await world.configure({ console: world.blocks['console']! }, { destinations: { siem } });
    const words = `refused: ${spellings(HEADER).join(' ')}`;
    const bad = refusing(() => true, { words });
    world.receiver.answer = status === 400 ? bad : () => ({ status, body: { message: words } });

    const { stdout, stderr } = await world.run('once --deadline 3s');

    expectHidden(stdout + stderr, HEADER);
    expectHidden(await stored(world), HEADER);
    expectHidden(await shown(world), HEADER);
  },
);
