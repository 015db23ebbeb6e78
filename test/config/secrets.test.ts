import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test, describe } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { interpolate } from '../../src/config/secrets.ts';
import type { Secret } from '../../src/core/secret.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { directoryWith, load, problemsOf, problemsOfLoading, SIEM, TYPES } from './support/configuration.ts';

const files: Readonly<Record<string, string>> = { '/run/secrets/x': 'from-file\r\n\n', '/empty': '\n' };

function readFile(path: string): string {
  const text = files[path];
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  return text;
}

const env = { TOKEN: 'from-env', EMPTY: '', LOOP: '${TOKEN}' };

test.each([
  ['plain $ text }', 'plain $ text }'],
  ['${TOKEN}', 'from-env'],
  ['Bearer ${TOKEN}, ${TOKEN}', 'Bearer from-env, from-env'],
  ['${file:/run/secrets/x}', 'from-file'],
  ['${EMPTY}', ''],
  ['$${TOKEN}', '${TOKEN}'],
  ['$${TOKEN} ${TOKEN}', '${TOKEN} from-env'],
  ['$$${TOKEN}', '$${TOKEN}'],
])('%s becomes %s', (template, expected) => {
  expect(interpolate(template, { env, readFile })).toMatchObject({ text: expected, problems: [] });
});

test.each([
  ['${NOPE}', 'environment variable NOPE is not set'],
  ['${file:/nope}', 'cannot read /nope: it does not exist'],
  ['${file:/empty}', 'the file /empty is empty'],
  ['${}', 'invalid reference; write ${NAME} or ${file:/path}, or $${ for a literal ${'],
  ['${TOKEN:-x}', 'invalid reference; write ${NAME} or ${file:/path}, or $${ for a literal ${'],
  ['a ${TOKEN', 'invalid reference; write ${NAME} or ${file:/path}, or $${ for a literal ${'],
])('%s cannot be filled in', (template, problem) => {
  expect(interpolate(template, { env, readFile }).problems).toEqual([problem]);
});

test('all that cannot be filled in shows at once', () => {
  expect(interpolate('${A}${B}', { env, readFile }).problems).toHaveLength(2);
});

test('what was filled in is not looked at again', () => {
  expect(interpolate('${LOOP}', { env, readFile }).text).toBe('${TOKEN}');
});

test('it is known whether a value came from a file', () => {
  expect(interpolate('a${TOKEN}', { env, readFile })).toMatchObject({
    fromFile: false,
    pieces: ['from-env'],
  });
  expect(interpolate('a${file:/run/secrets/x}', { env, readFile })).toMatchObject({
    fromFile: true,
    pieces: ['from-file'],
  });
});

test('any value comes through whole but for newlines at its end, and any text can be written literally', () => {
  const text = fc.string({ unit: 'binary' });
  const whole = text.map((each) => each.replace(/[\r\n]+$/, ''));
  const newlines = fc.string({ unit: fc.constantFrom('\n', '\r') });

  fc.assert(
    fc.property(text, whole, newlines, text, (before, value, cut, after) => {
      // A `$` right before the reference would read as the escape itself.
      const left = `${before.replaceAll('$', '')}|`;

      const filled = interpolate(`${left}\${VALUE}${after.replaceAll('${', '$${')}`, {
        env: { VALUE: `${value}${cut}` },
        readFile,
      });

      expect(filled.text).toBe(`${left}${value}${after}`);
    }),
  );
});

const source = (rest: string) =>
  `${SIEM}sources: { acme: { type: acme-logins, base_url: https://acme.test, ${rest} } }`;

function tokenOf(config: Awaited<ReturnType<typeof load>>): string | undefined {
  return (config.sources[0]!.options as { token?: Secret }).token?.reveal();
}

test.each(['abcd-1234\n', 'abcd-1234\r\n', 'abcd-1234\n\n'])(
  'trailing newlines of %j are cut, from a variable and from a file',
  async (token) => {
    const fromVariable = await load(source('token: "${TOKEN}"'), { TOKEN: token });
    const fromFile = await load(source('token: "${file:token}"'), {}, { token });
    const fromTokenFile = await load(source('token_file: token'), {}, { token });

    expect([fromVariable, fromFile, fromTokenFile].map(tokenOf)).toEqual(Array(3).fill('abcd-1234'));
  },
);

describe.each([
  ['a byte order mark', '\uFEFFabcd-1234', /byte order mark/],
  ['UTF-16', Buffer.from('abcd-1234', 'utf16le').toString('latin1'), /UTF-16/],
  ['what is not UTF-8', 'abcd-\uFFFD-1234', /UTF-8/],
  ['two lines', 'abcd\n1234', /one line/],
  ['a control character', 'abcd\u001B1234', /control characters/],
  ['a character beyond Latin-1', 'abcd-€-1234', /Latin-1/],
])('%s', (_what, token, expected) => {
  test.each([
    ['token: "${TOKEN}"', 'sources.acme.token'],
    ['token: "${file:secret}"', 'sources.acme.token'],
    ['token_file: secret', 'sources.acme.token_file'],
  ])('in %s is a mistake that names the option, and not the value', async (rest, option) => {
    const problems = await problemsOf(source(rest), { TOKEN: token }, { secret: token });

    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(` ${option}: must `);
    expect(problems[0]).toMatch(expected);
    expect(problems[0]).not.toMatch(/abcd|1234/);
  });

  test('in a header of a destination is one too', async () => {
    const siem =
      'destinations: { siem: { endpoint: http://127.0.0.1:4318, headers: { authorization: "Bearer ${TOKEN}" } } }\n';
    const sources =
      'sources: { acme: { type: acme-logins, base_url: https://acme.test, token: token-of-acme } }';
    const problems = await problemsOf(siem + sources, { TOKEN: token });
    const byVariable = await problemsOf(sources, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${encodeURIComponent(token)}`,
    });

    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(' destinations.siem.headers.authorization: must ');
    expect(byVariable).toEqual([
      expect.stringMatching(/OTEL_EXPORTER_OTLP_HEADERS: the value of x-key must/),
    ]);
    expect([...problems, ...byVariable].join()).not.toMatch(/abcd|1234/);
  });
});

test('UTF-16 with its mark, as an editor of Windows saves it, is a mistake', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': source('token_file: token') });
  await writeFile(`${cwd}/token`, Buffer.from('\uFEFFabcd-1234', 'utf16le'));
  const problems = await problemsOfLoading(loadConfig({ env: {}, types: TYPES, cwd }));

  expect(problems).toEqual([expect.stringMatching(/token_file: must be UTF-8 text, not UTF-16/)]);
});

test('Latin-1 may be in a header, and anything printable in a password, which is encoded', async () => {
  const latin = await load(source('token: "${TOKEN}"'), { TOKEN: 'clé-1234' });
  const cwd = await directoryWith({
    'penstock.yaml': `${SIEM}sources: { console: { type: qradar-login-attempts, base_url: https://console.test, username: us, password: "\${WORD}" } }`,
  });
  const read = (WORD: string) => loadSources().then((types) => loadConfig({ env: { WORD }, types, cwd }));

  expect(tokenOf(latin)).toBe('clé-1234');
  expect(await problemsOfLoading(read('пароль-€\n'))).toEqual([]);
  expect(await problemsOfLoading(read('two\nlines'))).toEqual([
    expect.stringContaining('sources.console.password: must be one line'),
  ]);
});

test('a file that comes to hold what no header may is not taken over', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': source('token_file: token'), token: 'first-token' });
  const config = await loadConfig({ env: {}, types: TYPES, cwd });
  const { token } = config.sources[0]!.options as unknown as { token: Secret };

  await writeFile(`${cwd}/token`, '\uFEFFsecond-token');

  expect(token.refresh()).toBe(false);
  expect(token.reveal()).toBe('first-token');
});
