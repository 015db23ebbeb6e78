import { copyFile, cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { seeded } from '../../../src/simulators/seeded.ts';
import { openStage, type Stage } from '../kills/lives.ts';
import { SUBJECTS } from '../subjects/subjects.ts';

const [subject] = SUBJECTS;

/** `earlier`: the same file as it was one life before. */
type Damage = (file: string, earlier: string) => Promise<void>;

const DAMAGES: Readonly<Record<string, Damage>> = {
  corrupt: async (file) => {
    const bytes = await readFile(file);
    bytes.fill(0xa5, Math.floor(bytes.length / 3), Math.ceil((2 * bytes.length) / 3));
    await writeFile(file, bytes);
  },
  truncated: async (file) => truncate(file, Math.floor((await readFile(file)).length / 2)),
  removed: (file) => rm(file),
  restored: (file, earlier) => copyFile(earlier, file),
};

const DAMAGED = Object.keys(DAMAGES).map((damage) => ({ damage }));

const OLDER = 'The state is older than one that was used here';

/** Two lives that are killed after pages were committed and sent. Returns where a copy of the first one's state is. */
async function liveAndDie(stage: Stage): Promise<string> {
  const copy = join(stage.directory, 'copy');
  for (const life of [1, 2]) {
    for (const { happen } of stage.vendors) for (let rows = 0; rows < 40; rows += 1) happen();
    const kill = { step: 'position moved', phase: 'after', nth: 2 } as const;
    const { signal } = await stage.start(['once'], { kill }).ended;
    expect(signal).toBe('SIGKILL');
    if (life === 1) await cp(join(stage.directory, 'state'), copy, { recursive: true });
  }
  return copy;
}

interface Start {
  readonly code: number | null;
  readonly stderr: string;
}

/** How the first start after the damage ends. If it is refused, a whole copy takes the state's place; then all goes on. */
async function startAfter(damage: string, file: string): Promise<Start> {
  if (subject === undefined) throw new Error('there is no source');
  await using stage = await openStage([subject], { random: seeded(1) });
  const [state, whole] = ['state', 'whole'].map((name) => join(stage.directory, name)) as [string, string];
  const earlier = await liveAndDie(stage);
  await cp(state, whole, { recursive: true });

  await DAMAGES[damage]?.(join(state, file), join(earlier, file));
  const { code, stderr } = await stage.start(['once']).ended;
  if (code === 5) {
    await rm(state, { recursive: true });
    await rename(whole, state);
  }
  for (let pass = 0; pass < 5 && (pass === 0 || stage.compare().lost > 0); pass += 1)
    await stage.start(['once']).ended;

  expect(stage.compare(), stderr).toEqual({ lost: 0, asNew: 0 });
  return { code, stderr };
}

it.concurrent.each(DAMAGED)(
  'a database that is $damage after a kill is refused, or goes on with the log beside it; nothing is lost or sent as new',
  async ({ damage }) => {
    const { code, stderr } = await startAfter(damage, 'penstock.db');

    expect(code, stderr).toBe(damage === 'restored' ? 0 : 5);
    expect(stderr).toMatch(damage === 'restored' ? '' : /corrupt|lost its database/);
  },
);

it.concurrent.each(DAMAGED)(
  'a log that is $damage after a kill takes the state back to its last whole commit; nothing is lost or sent as new',
  async ({ damage }) => {
    const { code, stderr } = await startAfter(damage, 'penstock.db-wal');

    expect(code, stderr).toBe(0);
    // How far it was is noted at each start, so it cannot always be told.
    expect(stderr).toContain(damage === 'removed' ? OLDER : '');
  },
);

it.concurrent.each(DAMAGED)(
  'a lock that is $damage after a kill is no matter; nothing is lost or sent as new',
  async ({ damage }) => {
    const { code, stderr } = await startAfter(damage, 'penstock.lock');

    expect(code, stderr).toBe(0);
  },
);
