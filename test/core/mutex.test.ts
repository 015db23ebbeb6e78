import { expect, it } from 'vitest';
import { Mutex } from '../../src/core/mutex.ts';

it('a mutex runs tasks one at a time in the order given, also after one that failed', async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const first = Promise.withResolvers<void>();

  const works = [
    mutex.run(async () => {
      log.push('first begins');
      await first.promise;
      log.push('first ends');
    }),
    mutex.run(() => Promise.reject(new Error('second fails'))),
    mutex.run(async () => void log.push('third')),
  ];
  await Promise.resolve();
  const busy = mutex.busy;
  first.resolve();
  const ended = await Promise.allSettled(works);

  expect(busy).toBe(true);
  expect(mutex.busy).toBe(false);
  expect(log).toEqual(['first begins', 'first ends', 'third']);
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
