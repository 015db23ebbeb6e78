import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Turns } from '../../../src/journal/postgres/turns.ts';

/** A work that ends when it is told to. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { run: () => promise, resolve, reject };
}

it('so many work at a time, and the others follow in their order, also after one that failed', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const works = Array.from({ length: 5 }, () => work());
  const ended = works.map(async (one, index) =>
    turns.run(() => {
      begun.push(index);
      return one.run();
    }),
  );
  await nextTurn();
  const first = [...begun];

  works[1]?.reject(new Error('no answer'));
  await expect(ended[1]).rejects.toThrow('no answer');
  await nextTurn();
  const second = [...begun];
  for (const one of works) one.resolve('done');

  expect(first).toEqual([0, 1]);
  expect(second).toEqual([0, 1, 2]);
  expect(await Promise.all([ended[0], ended[2], ended[3], ended[4]])).toEqual(
    Array.from({ length: 4 }, () => 'done'),
  );
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

it('whoever waits when the waiting fail gets that error, and later ones get a turn', async () => {
  const turns = new Turns(1);
  const running = work();
  const first = turns.run(running.run);
  const waiting = turns.run(async () => 'never');

  turns.failWaiting(new Error('away'));
  await expect(waiting).rejects.toThrow('away');
  const later = turns.run(async () => 'later');
  running.resolve('first');

  expect(await Promise.all([first, later])).toEqual(['first', 'later']);
});
