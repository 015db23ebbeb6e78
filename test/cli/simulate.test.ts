import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { serve } from '../../src/simulators/server.ts';
import { workspace } from '../support/cli.ts';
import { arrivedEvent } from '../support/truth.ts';
import { command } from './support/command.ts';

it('simulate prints sources that work unchanged', async () => {
  const stop = new AbortController();
  const written = Promise.withResolvers<string>();
  const serving = command(['simulate', '--listen', '127.0.0.1:0'], {
    stop: stop.signal,
    onOutput: written.resolve,
  });
  const { sources } = parse(await written.promise) as { sources: unknown };
  await using receiver = await startReceiver({ clock: systemClock });
  await using space = await workspace((path) =>
    stringify({
      state: { path: `${path}/state` },
      destinations: { siem: { endpoint: receiver.url } },
      log: { level: 'warn' },
      sources,
    }),
  );

  const { code, stderr } = await command(['once', '-c', space.config]);
  stop.abort();

  expect(code, stderr).toBe(0);
  expect((await serving).code).toBe(0);
  const datasets = receiver.received().map((record) => arrivedEvent(record)['event.dataset']);
  expect(new Set(datasets).size).toBe(5);
});

it('simulate names the address that is in use', async () => {
  await using taken = await serve(() => ({ status: 200 }), { clock: systemClock });
  const { host } = new URL(taken.url);

  const { code, stderr } = await command(['simulate', '--listen', host]);

  expect(code).toBe(2);
  expect(stderr).toMatch(/^The simulators cannot listen on 127\.0\.0\.1, ports \d+ to \d+: .*--listen/);
});

it.each(['8081:', 'localhost', '1.2.3.4:99999'])('simulate refuses %s as an address', async (address) => {
  const { code, stderr } = await command(['simulate', '--listen', address]);

  expect(code).toBe(2);
  expect(stderr).toContain('such as 127.0.0.1:8081');
});
