import { expect, it } from 'vitest';
import { NO_RIGHTS } from '../../../src/simulators/qradar-list.ts';
import { play } from './check.ts';
import { Appear, Fail, Kill, Poll, SetClock } from './commands.ts';
import { openConsole } from './consoles.ts';
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
  {
    fault: 'a process died between learning that the vendor’s clock was set back and following it',
    world: window,
    history: [new Poll(), new SetClock('theirs', -183_001), new Kill(2), new Appear(58_000, 1, 0)],
  },
  {
    fault: 'our clock was set after a refusal, before the first page of a console',
    world: worldOf(openConsole, {
      vendor: 'qradar',
      page_size: 1,
      maxPage: undefined,
      slice: '5m',
      refuseSort: false,
      ahead: 0,
    }),
    history: [new Fail('403', NO_RIGHTS, 2), new Poll(), new SetClock('ours', 7 * HOUR), new Appear(0, 1, 0)],
  },
];

it.each(KEPT)('$fault', async ({ world, history }) => {
  await expect(play(world, history)).resolves.toBeUndefined();
});
