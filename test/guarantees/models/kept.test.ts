import { expect, it } from 'vitest';
import { play } from './check.ts';
import { Appear, Change, Kill, Meanwhile, Pass, Poll, Remove, SetClock } from './commands.ts';
import { openSnapshot } from './snapshots.ts';
import { type Command, type World, worldOf } from './subject.ts';
import { openWindow } from './windows.ts';

const HOUR = 3_600_000;

const window = worldOf(openWindow, {
  order: 'ascending',
  filter: 'both',
  exclusive: false,
  records: 'changing',
  printed: 'iso',
  paging: 'offset',
  size: 3,
  cap: 3,
  pages: 1_000,
});

const snapshot = worldOf(openSnapshot, { paging: 'page', compare: '[version]', cap: 3 });

/** Records leave a page that was read before, so that a later one moves past the walk, and nothing in it is new. */
const leaving = (step: number): readonly Command[] => [
  new Appear(0, 6, 0),
  new Appear(0, 1, 0),
  new Meanwhile(step, new Remove(0)),
  new Kill(step + 2),
  new Pass(109_033),
  new Poll(),
  new Pass(71_967),
  new Meanwhile(step, new Change(3)),
  new Meanwhile(step + 1, new Change(0)),
  new Meanwhile(step + 1, new Change(10)),
  new Poll(),
];

/** The smallest histories in which a model has found a fault. */
const KEPT: readonly {
  readonly fault: string;
  readonly world: World;
  readonly history: readonly Command[];
}[] = [
  {
    fault: 'our clock was set back, and a window asked for nothing until it was where it had been',
    world: window,
    history: [new Poll(), new Appear(0, 1, 0), new SetClock('ours', -7 * HOUR)],
  },
  ...[0, 1, 2, 3].flatMap((step) =>
    [window, snapshot].map((world) => ({
      fault: `a record moved past a walk that read nothing new (step ${step})`,
      world,
      history: leaving(step),
    })),
  ),
];

it.each(KEPT)('$fault', async ({ world, history }) => {
  await expect(play(world, history)).resolves.toBeUndefined();
});
