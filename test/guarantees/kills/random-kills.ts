import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../../../src/simulators/seeded.ts';
import { ACCEPTED, ANSWER_LOST } from '../../../src/simulators/otlp-receiver.ts';
import type { Random } from '../../../src/core/clock.ts';
import type { TestJournal } from './journals.ts';
import { openStage, type Stage } from './lives.ts';
import { type Repeats, repeatsOf } from './repeats.ts';
import type { JournalName } from './steps.ts';
import { SUBJECTS } from '../subjects/subjects.ts';

/** All sources at once, in one process that is killed at random moments. */
export interface RandomKills extends Repeats {
  readonly journal: JournalName;
  readonly seed: number;
  readonly sources: number;
  readonly kills: number;
  /** Lives that were stopped for longer than every time-out, and went on. */
  readonly stops: number;
  readonly records: number;
  readonly lost: number;
  readonly asNew: number;
  readonly seconds: number;
  /** Lives that ended in another way, and passes that failed. */
  readonly trouble: readonly string[];
}

interface RandomOptions {
  readonly journal: TestJournal;
  readonly seed: number;
  readonly kills: number;
  readonly stops: number;
  /** No further life begins after this. Milliseconds. */
  readonly longest: number;
}

/** The longest life, from its start. Milliseconds. */
const LONGEST_LIFE = 900;

/** The shortest that the configuration accepts. A process waits for what a killed one held. Milliseconds. */
const LEASE = 3_000;

/** Longer than the time-outs of vendors and destinations in this stage, and than the leases. Milliseconds. */
const STOPPED = 7_000;

/** Time-outs of the vendors' requests; that of the destination is 5 s. */
const TIMEOUT = '5s';

const MOST_PASSES = 10;

export async function killAtRandom(options: RandomOptions): Promise<RandomKills> {
  const { journal, seed, kills, stops, longest } = options;
  const began = Date.now();
  const random = seeded(seed);
  const longestLife = LONGEST_LIFE + (journal.name === 'PostgreSQL' ? 2 * LEASE : 0);
  const source = { timeout: TIMEOUT, retries: 1 };
  await using stage = await openStage(SUBJECTS, { random, journal, source, lease: `${LEASE}ms` });
  const trouble: string[] = [];
  stage.receiver.answer = () => (random() < 0.1 ? ANSWER_LOST : ACCEPTED);
  let killed = 0;
  while (killed < kills && Date.now() - began < longest) {
    killed += await killOne(stage, { random, longestLife, trouble });
    for (const { happen } of stage.vendors) if (random() < 0.1) happen();
  }
  if (killed < kills) trouble.push(`only ${killed} of ${kills} kills in ${longest / 1_000} s`);
  for (let stopped = 0; stopped < stops; stopped += 1) await stopOne(stage, trouble);
  stage.receiver.answer = () => ACCEPTED;
  await finish(stage, trouble);
  return {
    journal: journal.name,
    seed,
    sources: SUBJECTS.length,
    kills: killed,
    stops,
    records: stage.receiver.ids().size,
    ...stage.compare(),
    ...repeatsOf(stage.receiver),
    seconds: Math.round((Date.now() - began) / 1_000),
    trouble,
  };
}

interface KillOptions {
  readonly random: Random;
  readonly longestLife: number;
  readonly trouble: string[];
}

/** One life that ends by SIGKILL at a random moment. Returns how many did. */
async function killOne(stage: Stage, { random, longestLife, trouble }: KillOptions): Promise<number> {
  const { child, ended } = stage.start([random() < 0.5 ? 'run' : 'once']);
  await Promise.race([sleep(50 + random() * longestLife), ended]);
  child.kill('SIGKILL');
  const { code, signal, stderr } = await ended;
  if (signal === 'SIGKILL') return 1;
  // A receiver that loses answers may leave something for the next pass.
  if (code !== 0 && code !== 4) trouble.push(`a life ended with ${code}: ${stderr.trim().slice(-300)}`);
  return 0;
}

/** A daemon that stands still for longer than every time-out, and goes on. */
async function stopOne(stage: Stage, trouble: string[]): Promise<void> {
  const life = stage.start(['run']);
  const { child, ended } = life;
  await Promise.race([life.said('"Started."'), ended]);
  for (const { happen } of stage.vendors) happen();
  await sleep(300);
  child.kill('SIGSTOP');
  await sleep(STOPPED);
  child.kill('SIGCONT');
  await sleep(2_000);
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  if (code !== 0) trouble.push(`a stopped life ended with ${code}: ${stderr.trim().slice(-300)}`);
}

async function finish(stage: Stage, trouble: string[]): Promise<void> {
  for (let passes = 0; passes < MOST_PASSES; passes += 1) {
    const { code, stderr } = await stage.start(['once']).ended;
    if (code !== 0) trouble.push(`once ended with ${code}: ${stderr.trim().slice(-300)}`);
    if (stage.compare().lost === 0) return;
    await sleep(500);
  }
}

/** What is wrong with an outcome, in words; empty when the guarantee holds. */
export function randomProblems({ lost, asNew, different, trouble }: RandomKills): readonly string[] {
  const counts = { lost, 'sent as new': asNew, 'not identical': different };
  const wrong = Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  return [...wrong, ...trouble];
}
