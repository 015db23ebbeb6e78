import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ACCEPTED, type Answering, type ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 40 });
});

afterEach(() => world[Symbol.asyncDispose]());

/** Answers so to every request with the record that came at this place in the first one. */
function toOneRecord(place: number, answer: ReceiverAnswer): Answering {
  let bad: string | undefined;
  return ({ records }) => {
    bad ??= records[place]?.uid;
    return records.some(({ uid }) => uid === bad) ? { take: () => false, ...answer } : ACCEPTED;
  };
}

it('once delivers the others of 40 when the receiver hangs up at one, which becomes a dead letter', async () => {
  world.receiver.answer = toOneRecord(11, { status: 200, fault: 'reset' });

  const outcome = await world.run('once');
  const letters = await world.run('dead-letters list --json');

  expect(outcome.code, outcome.stderr).toBe(0);
  expect(world.receiver.ids().size).toBe(39);
  expect(world.receiver.received()).toHaveLength(39);
  expect(letters.rows).toMatchObject([
    { reason: expect.stringContaining('receiver never answered') as string },
  ]);
});

it('once delivers the others of 40 when a filter forbids the first, in the pass after the one that paused', async () => {
  world.receiver.answer = toOneRecord(0, { status: 403 });

  const first = await world.run('once');
  const second = await world.run('once');

  expect([first.code, second.code]).toEqual([4, 0]);
  expect(world.receiver.ids().size).toBe(39);
  expect((await world.run('dead-letters list --json')).rows).toMatchObject([{ status: 403 }]);
});

it('once exits 4 for a gRPC port, and says which port to use', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await world.configure({ console: world.blocks['console'] ?? {} }, { destinations: { siem: { endpoint } } });

  const outcome = await world.run('once');
  const status = await world.run('status --json');
  server.close();

  expect(outcome.code).toBe(4);
  expect(outcome.stderr).toMatch(/gRPC port.*4318/);
  expect(status.stdout).toMatch(/gRPC port.*4318/);
});

it('once waits for Retry-After in epoch seconds, and says until when', async () => {
  const at = Math.ceil(world.clock.now() / 1000) + 2;
  world.receiver.script.push({ status: 503, headers: { 'retry-after': String(at) } });

  const outcome = await world.run('once');

  expect(outcome.code).toBe(0);
  expect(world.receiver.ids().size).toBe(40);
  const line = outcome.stderr.split('\n').find((text) => text.includes('next_try_at')) ?? '';
  const { penstock } = JSON.parse(line) as { penstock: { next_try_at: string; retry_after_ms: number } };
  expect(penstock.retry_after_ms).toBeGreaterThan(0);
  expect(Date.parse(penstock.next_try_at)).toBeLessThanOrEqual((at + 1) * 1000);
});
