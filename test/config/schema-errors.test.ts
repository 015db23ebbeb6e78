import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { problemsOf } from './support/configuration.ts';

const fixtures = new URL('fixtures/', import.meta.url);
const env = { CONSOLE_TOKEN: 'token-of-the-console', VENDOR_TOKEN: 'token-of-the-vendor' };

test('five mistakes are five lines, each with its line and column', async () => {
  const text = await readFile(new URL('five-mistakes.yaml', fixtures), 'utf8');

  const problems = await problemsOf(text, { CONSOLE_TOKEN: env.CONSOLE_TOKEN });

  expect(problems).toEqual([
    'penstock.yaml:2:14 state.max_bytes: expected a size in bytes such as 900000, 512KiB, 64MiB or 2GiB (got 2 gigabytes)',
    'penstock.yaml:6:5 destinations.siem.compresion: unknown option `compresion`; did you mean `compression`?',
    'penstock.yaml:12:16 sources.console.page_size: expected a number (got many)',
    'penstock.yaml:14:11 sources.vendor.type: unknown source type `acme-tenant`; did you mean `acme-tenants`? Known types: acme-logins, acme-tenants',
    'penstock.yaml:15:12 sources.vendor.token: environment variable VENDOR_TOKEN is not set',
  ]);
});

test('every kind of mistake says where it is and what was expected', async () => {
  const text = await readFile(new URL('every-mistake.yaml', fixtures), 'utf8');

  const problems = await problemsOf(text, env);

  await expect(`${problems.join('\n')}\n`).toMatchFileSnapshot('fixtures/every-mistake.txt');
});

test('no mistake shows a secret', async () => {
  const text = await readFile(new URL('every-mistake.yaml', fixtures), 'utf8');

  const problems = await problemsOf(text, env);

  expect(problems.join('\n')).not.toMatch(/token-of-the|user:password|12345/);
});

test('only the first error of invalid YAML is shown, without the text there', async () => {
  const problems = await problemsOf('sources:\n  console:\n    token: "secret-token" another\n  x: [\n');

  expect(problems).toEqual(['penstock.yaml:3:27 configuration: invalid YAML: unexpected scalar at node end']);
});

test('a reference that YAML reads as a map must be quoted', async () => {
  const problems = await problemsOf('sources:\n  console: { token: ${TOKEN} }\n');

  expect(problems).toEqual([
    'penstock.yaml:2:22 configuration: invalid YAML: quote "${…}" inside { } or [ ]',
  ]);
});

test.each(['', '# nothing\n', '--- []\n', 'just text'])(
  'a file without sections is an error: %j',
  async (text) => {
    const problems = await problemsOf(text);

    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems)
      expect(problem).toMatch(/^penstock\.yaml:1:\d+ \S+: (missing; )?(expected|no destination)/);
  },
);

test('an alias to something that contains it is an error', async () => {
  const problems = await problemsOf('sources: &all\n  console: *all\n');

  expect(problems).toContainEqual(
    'penstock.yaml:2:12 sources.console: an alias must not point to something that contains it',
  );
});

test('names of built-in members are names like any other', async () => {
  const problems = await problemsOf('constructor: 1\n__proto__: { x: 1 }\nsources: {}\n');

  expect(problems).toContainEqual(expect.stringMatching(/^penstock\.yaml:1:1 constructor: unknown option/));
  expect(problems).toContainEqual(expect.stringMatching(/^penstock\.yaml:2:1 __proto__: unknown option/));
});

test('a value that was filled in is not shown, since it may be a secret in the wrong place', async () => {
  const problems = await problemsOf('heartbeat: ${WRONG_PLACE}\n', { WRONG_PLACE: 'secret-in-a-duration' });

  expect(problems.join('\n')).toContain('heartbeat: expected a duration such as 30s, 5m, 2h or 7d');
  expect(problems.join('\n')).not.toContain('secret-in-a-duration');
});

test('YAML indented with tabs is an error that says so', async () => {
  expect(await problemsOf('sources:\n\tconsole: {}\n')).toEqual([
    expect.stringMatching(/configuration: invalid YAML: indent with spaces, not tabs$/),
  ]);
});
