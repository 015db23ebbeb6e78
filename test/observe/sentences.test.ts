import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { inSentence, type Line, seconds, SENTENCES } from '../../src/observe/sentences.ts';

const NEXT = '2026-03-02T12:00:00.000Z';
/** On the clock of the machine, as the lines of a terminal are. */
const NEXT_SHOWN = new Date(NEXT).toTimeString().slice(0, 5);

/** Each message with one line of it, and what a terminal shows in its place. */
const CASES: readonly (readonly [message: string, line: Line, shown: string])[] = [
  [
    'Started.',
    {
      penstock: {
        version: '1.2.3',
        configuration: '/etc/p.yaml',
        state: '/var/lib/p',
        sources: ['a'],
        destinations: ['b', 'c'],
      },
    },
    'Started Penstock 1.2.3 with /etc/p.yaml, state in /var/lib/p; 1 source: a; 2 destinations: b, c.',
  ],
  [
    'Admin endpoint listening.',
    { server: { address: ':0', port: 9464 } },
    'Admin endpoint listening on :9464.',
  ],
  [
    'Reload rejected; keeping the previous configuration.',
    { error: { message: 'penstock.yaml:3:5: unknown option `setle`.' } },
    'Reload rejected; keeping the previous configuration: penstock.yaml:3:5: unknown option `setle`.',
  ],
  [
    'Request failed; retrying.',
    { error: { message: 'timeout' }, penstock: { retry: 2, retries: 5, retry_after_ms: 3_100 } },
    'Request failed (timeout); retry 2 of 5 in 3 s.',
  ],
  [
    'Request failed; retrying.',
    {
      error: { message: 'timeout.' },
      penstock: { source: 'console', retry: 1, retries: 5, retry_after_ms: 400 },
    },
    'Source console: Request failed (timeout); retry 1 of 5 in 0.4 s.',
  ],
  [
    'Request is waiting for its quota.',
    { event: { reason: '*', end: NEXT }, penstock: { source: 'console' } },
    `Source console: A request waits for the quota of the source until ${NEXT_SHOWN}.`,
  ],
  [
    'The vendor asked us to wait.',
    { http: { response: { status_code: 429 } }, event: { end: NEXT }, penstock: { source: 'console' } },
    `Source console: The vendor asked us to wait until ${NEXT_SHOWN} (HTTP 429).`,
  ],
  ['Source recovered.', { penstock: { source: 'console', stream: '' } }, 'Source console has recovered.'],
  ['Source recovered.', { penstock: { source: 'petra', stream: 'T1' } }, 'Source petra (T1) has recovered.'],
  [
    'Polling paused: the credential was rejected. Replace it or correct its rights; it is tried once an hour, and at once when a secret file changes.',
    { penstock: { source: 'console', next_try_at: NEXT } },
    `Source console: polling paused, because the credential was rejected. Replace it or correct its rights; next attempt at ${NEXT_SHOWN}, or at once when a secret file changes.`,
  ],
  [
    'Polling paused: the vendor rejected the request. Correct the options of the source, then reload or restart.',
    { penstock: { source: 'petra', stream: 'T1' } },
    'Source petra (T1): polling paused, because the vendor rejected the request. Correct the options of the source, then reload or restart.',
  ],
  [
    'Poll failed; its cursor is kept. Action required: see the error.',
    { error: { message: 'console answered 404.' }, penstock: { source: 'console', stream: '' } },
    'Source console: the poll failed; its cursor is kept. console answered 404. Action required.',
  ],
  [
    'Poll failed; its cursor is kept. The next poll tries again.',
    { error: { message: 'console answered 500' }, penstock: { source: 'console', stream: '' } },
    'Source console: the poll failed; its cursor is kept. console answered 500. The next poll tries again.',
  ],
  [
    'A gap: this span could not be read completely. `penstock gaps` lists what is missing and why.',
    { penstock: { gap: { source: 'petra', stream: 'T1', reason: 'too-large', from: 'A', to: 'B' } } },
    'Gap in source petra (T1): A to B could not be read completely (too-large). See `penstock gaps`.',
  ],
  [
    'The ledger is nearly at ledger.max. At the limit its oldest entries are deleted, and their records are sent again if the vendor returns them again. Raise ledger.max if the disk has room, or find out why the vendor returns so many records.',
    { penstock: { source: 'console', ledger: { bytes: 4_500_000, max: 5_242_880 } } },
    'Source console: the ledger holds 4.3 MiB of at most 5.0 MiB (ledger.max). At the limit its oldest entries are deleted, and their records are sent again if the vendor returns them again. Raise ledger.max if the disk has room, or find out why the vendor returns so many records.',
  ],
  [
    'A response is not valid in its charset: invalid characters became U+FFFD (the replacement character). Ask the vendor to declare the charset that it sends. Later ones are only counted (penstock_replaced_characters_total).',
    { penstock: { source: 'console', charset: 'utf-8', replaced_characters: 2 } },
    'Source console: A response is not valid UTF-8: 2 characters became U+FFFD (the replacement character). Ask the vendor to declare the charset that it sends. Later ones are only counted (penstock_replaced_characters_total).',
  ],
  [
    'Destination recovered.',
    { penstock: { destination: 'siem' }, http: { response: { status_code: 200 } } },
    'Destination siem has recovered.',
  ],
  [
    'Destination unavailable; events are queued.',
    { penstock: { destination: 'siem', retry_after_ms: 600_000 } },
    'Destination siem is unavailable; events are queued. Retry in 10 min.',
  ],
  [
    'Destination is paused; its records are kept, and it is tried again every minute.',
    { error: { message: 'HTTP 401' }, penstock: { destination: 'siem', advice: 'Replace the credential.' } },
    'Destination siem is paused; its events are kept, and it is tried again every minute. HTTP 401. Replace the credential.',
  ],
  [
    'Events became dead letters: `penstock dead-letters list` shows them and why. This is logged again when there are ten times as many.',
    { error: { message: 'mapping conflict' }, penstock: { destination: 'siem', dead_letters: 19 } },
    '19 events were rejected by destination siem: mapping conflict. See `penstock dead-letters list`.',
  ],
  [
    'Destination accepts no events, and its backlog exceeds backlog.max: the oldest events are skipped for it until it accepts events again. `penstock gaps` lists what it misses.',
    { penstock: { gap: { destination: 'siem', events: 1 } } },
    'Destination siem accepts no events, and its backlog exceeds backlog.max: 1 event was skipped, the oldest first. See `penstock gaps`.',
  ],
  [
    'Waiting for the state: a command holds it.',
    { error: { message: 'The state in ./state is in use by process 7.' } },
    'Waiting for the state: a command holds it. The state in ./state is in use by process 7.',
  ],
  [
    'Waiting for the state: it cannot be read or written.',
    { error: { message: 'The disk is full.' } },
    'Waiting for the state: it cannot be read or written. The disk is full.',
  ],
  ['Job started.', { penstock: { request: { id: 1, kind: 'backfill' } } }, 'Backfill #1 started.'],
  [
    'Job finished.',
    {
      penstock: { request: { id: 1, kind: 'backfill' } },
      event: { reason: 'Read 20 events.' },
      process: { exit_code: 0 },
    },
    'Backfill #1 finished: Read 20 events.',
  ],
  [
    'Job finished incompletely.',
    { penstock: { request: { id: 2, kind: 'retry' } }, event: { reason: '1 was rejected again.' } },
    'Retry #2 finished incompletely: 1 was rejected again.',
  ],
  [
    'Hourly summary.',
    { penstock: { collected: 1, delivered: 1, rejected: 0, gaps: 1, backlog: 0 } },
    'In the last hour: 1 collected, 1 delivered, 0 rejected, 1 gap; 0 waiting.',
  ],
  [
    'Hourly summary.',
    { penstock: { collected: 180, delivered: 170, rejected: 1, gaps: 2, backlog: 9 } },
    'In the last hour: 180 collected, 170 delivered, 1 rejected, 2 gaps; 9 waiting.',
  ],
  [
    'The state of a source changed.',
    {
      penstock: { source: 'console', state: 'refused', next_try_at: NEXT },
      error: { message: 'console answered 401.' },
    },
    `Source console is now refused: console answered 401; next try at ${NEXT_SHOWN}.`,
  ],
  [
    'The state of a destination changed.',
    { penstock: { destination: 'siem', state: 'healthy' } },
    'Destination siem is now healthy.',
  ],
  [
    'Done.',
    { penstock: { summary: 'Done: 180 collected, 180 delivered, 0 waiting.' } },
    'Done: 180 collected, 180 delivered, 0 waiting.',
  ],
  [
    'Not done.',
    { penstock: { summary: 'Not done: 180 collected, 0 delivered, 180 waiting.' } },
    'Not done: 180 collected, 0 delivered, 180 waiting.',
  ],
];

it.each(CASES)('a terminal shows the values of "%s" in a sentence', (message, fields, shown) => {
  expect(inSentence({ 'log.level': 'info', ...fields, message })).toEqual({
    'log.level': 'info',
    message: shown,
  });
});

it('each sentence has a case in the table of this test', () => {
  const tested = new Set(CASES.map(([message]) => message));

  expect(Object.keys(SENTENCES).filter((message) => !tested.has(message))).toEqual([]);
});

it('each sentence belongs to a message that the code logs', () => {
  const code = globSync('src/**/*.ts')
    .filter((file) => !file.endsWith('sentences.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const known = Object.keys(SENTENCES).filter((message) => !message.startsWith('The state of a '));

  expect(known.filter((message) => !code.includes(`'${message}'`))).toEqual([]);
  expect(code).toContain('`The state of a ${what} changed.`');
});

it('a terminal shows a line without a sentence as it is', () => {
  const line = { message: 'Something else.', penstock: { source: 'console' } };

  expect(inSentence(line)).toBe(line);
});

it.each([
  [0, '0 s'],
  [400, '0.4 s'],
  [3_100, '3 s'],
  [600_000, '10 min'],
])('%i ms are %s', (ms, text) => {
  expect(seconds(ms)).toBe(text);
});
