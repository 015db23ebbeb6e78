import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskFromNowOn, Secret } from '../../src/core/secret.ts';
import type { LogConfig } from '../../src/config/types.ts';
import { UnavailableError } from '../../src/core/errors.ts';
import { createLogger } from '../../src/observe/log.ts';

/** A log whose lines are kept. */
async function logTo({
  level = 'info',
  format = 'json',
  isTTY = false,
}: Partial<LogConfig> & { isTTY?: boolean } = {}) {
  const lines: string[] = [];
  const stream = { isTTY, write: (text: string) => lines.push(text) };
  return { log: await createLogger({ level, format, stream }), lines };
}

function parse(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? '') as Record<string, unknown>;
}

test('a line is one ECS document, with its fields and those of the child that wrote it', async () => {
  const { log, lines } = await logTo();

  log
    .child({ penstock: { source: 'console' } })
    .warn({ http: { response: { status_code: 429 } } }, 'Asked to wait.');

  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/\}\n$/);
  expect(parse(lines[0])).toMatchObject({
    '@timestamp': expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    'log.level': 'warn',
    'ecs.version': expect.any(String),
    'service.name': 'penstock',
    message: 'Asked to wait.',
    penstock: { source: 'console' },
    http: { response: { status_code: 429 } },
  });
});

test('a line keeps what its child says of the same field', async () => {
  const { log, lines } = await logTo();

  log.child({ penstock: { destination: 'siem' } }).warn({ penstock: { retry_after_ms: 500 } }, 'They wait.');

  expect(parse(lines[0])['penstock']).toEqual({ destination: 'siem', retry_after_ms: 500 });
});

test('only lines of its level and above are written', async () => {
  const { log, lines } = await logTo({ level: 'warn' });

  log.debug('no');
  log.info('no');
  log.warn('yes');
  log.error('yes');

  expect(lines.map((line) => parse(line)['message'])).toEqual(['yes', 'yes']);
});

test('a bug comes out as error.*, with its causes and its trace', async () => {
  const { log, lines } = await logTo();
  const cause = new TypeError('x is undefined');

  log.error({ err: new Error('No page', { cause }) }, 'Poll failed.');

  expect(parse(lines[0])).toMatchObject({
    message: 'Poll failed.',
    error: {
      type: 'Error',
      message: 'No page: x is undefined',
      stack_trace: expect.stringMatching(/Error: No page\n[^]*TypeError: x is undefined\n/),
    },
  });
  expect(parse(lines[0])).not.toHaveProperty('err');
});

test('an error that no developer must act on has no trace', async () => {
  const { log, lines } = await logTo();

  log.error({ err: new UnavailableError('No answer', 'https://a.test/') }, 'Poll failed.');

  expect(parse(lines[0])['error']).toEqual({ type: 'UnavailableError', message: 'No answer' });
});

test('what was thrown and is not an error is logged as text', async () => {
  const { log, lines } = await logTo();

  log.error({ err: 'just text' }, 'Failed.');

  expect(parse(lines[0])['error']).toEqual({ message: 'just text' });
});

test('lines are for people when asked for, and on a terminal', async () => {
  const asked = await logTo({ format: 'pretty' });
  const terminal = await logTo({ isTTY: true });

  asked.log.info({ url: { path: '/x' } }, 'Polled.');
  terminal.log.info('Polled.');

  expect(asked.lines.join('')).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: Polled\.\n\s+url: \{\n\s+"path": "\/x"/);
  expect(asked.lines.join('')).not.toMatch(/ecs|host|pid/);
  expect(terminal.lines.join('')).toContain('\u001B[');
});

test('integers beyond doubles keep their digits', async () => {
  const { log, lines } = await logTo();

  log.info({ penstock: { sequence: 9_007_199_254_740_993n } }, 'Read.');

  expect(lines[0]).toContain('9007199254740993');
});

test('a secret that reads like the log’s own words does not break a line', async () => {
  maskFromNowOn('"message":');
  maskFromNowOn('8675309');
  const { log, lines } = await logTo();

  log.info({ count: 8_675_309, text: 'the "message": 8675309' }, 'Said.');

  expect(parse(lines[0])).toMatchObject({
    message: 'Said.',
    count: '[secret]',
    text: 'the [secret] [secret]',
  });
});

test.each(['json', 'pretty'] as const)('no secret comes out of a %s log, wherever it is', async (format) => {
  const value = fc.string({
    unit: fc.constantFrom(...Array.from('aZ9 "\\/+&=%äß€\n\t{}')),
    minLength: 10,
    maxLength: 24,
  });

  await fc.assert(
    fc.asyncProperty(value, async (value) => {
      const secret = new Secret(value);
      const { log, lines } = await logTo({ format });
      const forms = [
        value,
        encodeURIComponent(value),
        Buffer.from(value).toString('base64'),
        JSON.stringify(value),
      ];
      const cause = new Error(`caused by ${value}`);

      for (const form of forms) {
        log.error({ err: new Error(`with ${form} in it`, { cause }), list: [form], [form]: 1 }, 'Failed.');
        log.child({ bound: JSON.stringify({ body: form }) }).warn(`said ${form}`);
      }
      log.info({ secret }, 'Shown.');

      const written = lines.join('') + lines.map((line) => unescape(line)).join('');
      for (const form of forms.slice(0, 3)) expect(written).not.toContain(form);
    }),
    { numRuns: 40 },
  );
});

/** A line as a reader of JSON strings would see it, however deep they are nested. */
function unescape(line: string): string {
  const once = line
    .replaceAll(/\\(["\\/])/g, '$1')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t');
  return once === line ? line : `${once}${unescape(once)}`;
}
