import { expect, it } from 'vitest';
import { TerminalLine } from '../../src/cli/output.ts';

/** What a terminal of one row in sight shows: `\r\u001b[K` clears the row that the cursor is in. */
function screen(written: string): readonly string[] {
  return written.split('\n').map((row) => row.split('\r\u001B[K').at(-1) ?? '');
}

function terminal(isTTY: boolean) {
  const state = { written: '' };
  const line = new TerminalLine({ isTTY, columns: 40, write: (text: string) => (state.written += text) });
  return { line, state };
}

it('a log line stands above the progress line, and neither overwrites the other', () => {
  const { line, state } = terminal(true);

  line.show('console: 10 events');
  line.output.write('[12:00:00] WARN: Request failed.\n');
  line.show('console: 20 events');
  line.output.write('[12:00:01] INFO: two\n    lines\n');

  expect(screen(state.written)).toEqual([
    '[12:00:00] WARN: Request failed.',
    '[12:00:01] INFO: two',
    '    lines',
    'console: 20 events',
  ]);
});

it('a line that was cleared does not come back', () => {
  const { line, state } = terminal(true);

  line.show('console: 10 events');
  line.show('');
  line.output.write('Done.\n');

  expect(screen(state.written)).toEqual(['Done.', '']);
});

it('where there is no terminal only what is logged is written', () => {
  const { line, state } = terminal(false);

  line.show('console: 10 events');
  line.output.write('log\n');

  expect(state.written).toBe('log\n');
});
