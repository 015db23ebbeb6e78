import { expect, it } from 'vitest';
import { Serial } from '../../src/collect/context.ts';

it('runs work in the order given, one at a time, whatever becomes of it', async () => {
  const serial = new Serial();
  const told: string[] = [];
  const first = Promise.withResolvers<void>();

  const works = [
    serial.run(async () => {
      told.push('first begins');
      await first.promise;
      told.push('first ends');
    }),
    serial.run(() => Promise.reject(new Error('second fails'))),
    serial.run(async () => void told.push('third')),
  ];
  await Promise.resolve();
  const busy = serial.busy;
  first.resolve();
  const ended = await Promise.allSettled(works);

  expect(busy).toBe(true);
  expect(serial.busy).toBe(false);
  expect(told).toEqual(['first begins', 'first ends', 'third']);
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
