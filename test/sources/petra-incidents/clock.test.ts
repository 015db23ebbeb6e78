import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-incidents/index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const [TENANT] = drawTenants(seeded(2), 1) as [ReturnType<typeof drawTenants>[number]];
const ID = TENANT.petraTenantId;

let ours: DrivenClock;
let theirs: DrivenClock;
let petra: Petra;
let lab: PetraLab;

beforeEach(async () => {
  ours = new DrivenClock();
  theirs = new DrivenClock();
  petra = await startPetra({
    clock: theirs,
    random: seeded(1),
    token: 'the key',
    tenants: [TENANT],
    incidentsPerDay: 0,
  });
  const config = { initial_lookback: '2d', track_updates_for: '1d', refresh_interval: '1d' };
  lab = new PetraLab({ source, url: petra.url, clock: ours, config });
});

afterEach(async () => {
  await petra[Symbol.asyncDispose]();
});

const add = (at: number) => void petra.incidents.add(ID, { createdAt: at });
const lists = () => petra.requests.filter(({ path }) => path === '/v1/incidents');
/** How far back each list was asked for, in minutes before the vendor's clock. */
const reaches = () =>
  lists().map(({ query, at }) => (at - Date.parse(query.get('startDate') ?? '')) / MINUTE);
const uids = () => new Set(lab.events.map((event) => event['petra.incident.id'])).size;

async function pass(ms: number): Promise<void> {
  await theirs.advance(ms);
  ours.jump(ms);
}

async function settle(): Promise<void> {
  add(theirs.now() - 47 * HOUR);
  add(theirs.now() - 3 * HOUR);
  await lab.poll();
  await pass(10 * MINUTE);
  await lab.poll();
}

describe('a clock that is set back', () => {
  it('a clock that is set back is followed once: what may be dated since is read again, and no incident is emitted twice', async () => {
    await settle();
    theirs.jump(-2 * HOUR);
    await theirs.advance(8 * MINUTE);
    ours.jump(8 * MINUTE);
    // Dated by the new clock just after it was set, and seen for the first time eight minutes later.
    add(theirs.now() - 7 * MINUTE);
    const before = lists().length;
    await lab.poll();
    const followed = lists().length - before;
    for (let polls = 0; polls < 3; polls += 1) {
      await pass(MINUTE);
      add(theirs.now());
      await lab.poll();
    }

    expect(lab.events).toHaveLength(6);
    expect(uids()).toBe(6);
    // The list as always, the one that goes back, and the re-read for updates, which is due by such a clock.
    expect(followed).toBe(3);
    expect(lists().length - before).toBe(6);
    expect(lab.lines.filter(({ msg }) => /clock was set back/.test(String(msg)))).toHaveLength(1);
  });

  it.each([
    ['a day ago', DAY],
    ['1970', 56 * 365 * DAY],
  ])(
    'a clock that a single answer sets back is followed no further than initial_lookback: %s',
    async (_, by) => {
      await settle();
      const before = lists().length;
      let dates = 1;
      petra.proxy.headers = ({ path, at }) =>
        path === '/v1/incidents' && dates-- > 0 ? { date: new Date(Math.max(0, at - by)).toUTCString() } : {};
      await lab.poll();
      await pass(MINUTE);
      add(theirs.now() - 1);

      await lab.poll();

      expect(lab.events).toHaveLength(3);
      expect(uids()).toBe(3);
      expect(Math.max(...reaches().slice(before))).toBeLessThanOrEqual(2 * 24 * 60 + 10);
    },
  );

  it('a clock that is set back for good, by 56 years, reads the lookback once, and continues where it was', async () => {
    await settle();
    const before = lists().length;
    petra.proxy.headers = ({ at }) => ({ date: new Date(at - 56 * 365 * DAY).toUTCString() });
    for (let polls = 0; polls < 4; polls += 1) {
      await pass(MINUTE);
      add(theirs.now() - 1);
      await lab.poll();
    }

    expect(lab.events).toHaveLength(6);
    expect(uids()).toBe(6);
    const far = reaches().slice(before);
    expect(far.filter((minutes) => minutes > (2 * DAY) / MINUTE)).toHaveLength(1);
    expect(Math.max(...far)).toBeLessThan((2 * DAY) / MINUTE + 20);
  });
});

describe('a date from the future', () => {
  it('a date from the future loses nothing once the clock is right again, and emits nothing twice', async () => {
    await settle();
    petra.proxy.headers = ({ at }) => ({ date: new Date(at + 60 * DAY).toUTCString() });
    await lab.poll();
    add(theirs.now());
    await pass(MINUTE);
    await lab.poll();
    petra.proxy.headers = undefined;
    add(theirs.now());
    await pass(MINUTE);

    await lab.poll();

    expect(lab.events).toHaveLength(4);
    expect(uids()).toBe(4);
  });
});
