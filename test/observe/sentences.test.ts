import { expect, it } from 'vitest';
import { inSentence, seconds } from '../../src/observe/sentences.ts';

it.each([
  [
    'Started.',
    {
      version: '1.2.3',
      configuration: '/etc/p.yaml',
      state: '/var/lib/p',
      sources: ['a'],
      destinations: ['b', 'c'],
    },
    'Started Penstock 1.2.3 with /etc/p.yaml, state in /var/lib/p; 1 source: a; 2 destinations: b, c.',
  ],
  [
    'Request failed; retrying.',
    { retry: 2, retries: 5, retry_after_ms: 3_100 },
    'Request failed; retry 2 of 5 in 3 s.',
  ],
  ['Source recovered.', { source: 'console', stream: '' }, 'Source console has recovered.'],
  ['Source recovered.', { source: 'petra', stream: 'T1' }, 'Source petra (T1) has recovered.'],
  ['Destination recovered.', { destination: 'siem' }, 'Destination siem has recovered.'],
  [
    'The state of a source changed.',
    { source: 'console', state: 'refused', next_try_at: '2026-03-02T12:00:00.000Z' },
    'Source console is now refused; next try at 2026-03-02T12:00:00.000Z.',
  ],
  [
    'The state of a destination changed.',
    { destination: 'siem', state: 'healthy' },
    'Destination siem is now healthy.',
  ],
  [
    'Hourly summary.',
    { collected: 1, delivered: 1, rejected: 0, gaps: 1, backlog: 0 },
    'In the last hour: 1 collected, 1 delivered, 0 rejected, 1 gap; 0 waiting.',
  ],
  [
    'Hourly summary.',
    { collected: 180, delivered: 170, rejected: 1, gaps: 2, backlog: 9 },
    'In the last hour: 180 collected, 170 delivered, 1 rejected, 2 gaps; 9 waiting.',
  ],
])('%s stands on a terminal with its values', (message, penstock, sentence) => {
  const shown = inSentence({ message, penstock, error: { message: 'timeout' } });

  expect(shown).toEqual({ message: sentence, error: { message: 'timeout' } });
});

it('any other line is shown as it is', () => {
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
