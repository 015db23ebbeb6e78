import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { printRequest } from './support/print-request.ts';

test('a repeat after a restart is byte for byte the same, Resource and scope too', async () => {
  const script = new URL('support/print-request.ts', import.meta.url).pathname;

  const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: '/' });

  expect(stdout).toBe(printRequest());
  expect(stdout).not.toBe('\n');
});
