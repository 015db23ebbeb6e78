import fc from 'fast-check';
import { expect, test } from 'vitest';
import { interpolate } from '../../src/config/interpolate.ts';

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
  ['${NOPE}', 'expected the environment variable NOPE to be set'],
  ['${file:/nope}', 'expected a readable file at /nope (it does not exist)'],
  ['${file:/empty}', 'expected a value in the file /empty, which is empty'],
  ['${}', 'expected ${NAME} or ${file:/path}; a literal ${ is written $${'],
  ['${TOKEN:-x}', 'expected ${NAME} or ${file:/path}; a literal ${ is written $${'],
  ['a ${TOKEN', 'expected ${NAME} or ${file:/path}; a literal ${ is written $${'],
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
