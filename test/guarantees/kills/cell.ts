import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { Running } from '../../support/cli.ts';
import { SQLITE, type TestJournal } from './journals.ts';
import { openStage, type Stage } from './lives.ts';
import { CutAcknowledgements, type Repeats, repeatsOf } from './repeats.ts';
import type { BrokenOrder, JournalName, KillPoint, Phase, Step } from './steps.ts';
import type { Subject } from '../subjects/vendor.ts';

/** One source, killed at one side of one step. */
export interface Cell extends Repeats {
  readonly journal: JournalName;
  readonly source: string;
  readonly step: Step;
  readonly phase: Phase;
  /** Lives that ended by SIGKILL exactly there; 0: the step does not occur. */
  readonly kills: number;
  /** Distinct records that the receiver has. */
  readonly records: number;
  readonly lost: number;
  readonly asNew: number;
  /** Repeats that no cut acknowledgement explains. */
  readonly uncaused: number;
  /** From the start of the process after the last kill until everything was delivered and it ended, ms. */
  readonly recovery: number;
  /** What went wrong otherwise: a life that ended with another code. */
  readonly trouble: readonly string[];
}

/** Passes until nothing is missing: a record of this second is read in the next one. */
const MOST_PASSES = 8;

interface CellOptions {
  readonly seed: number;
  readonly journal?: TestJournal | undefined;
  readonly broken?: BrokenOrder | undefined;
}

/** Kills, starts again, runs to the end, and compares. */
export async function runCell(
  subject: Subject,
  { step, phase }: Pick<KillPoint, 'step' | 'phase'>,
  { seed, journal = SQLITE, broken }: CellOptions,
): Promise<Cell> {
  await using stage = await openStage([subject], {
    random: seeded(seed),
    journal,
    source: step === 'backfill page' ? subject.past?.source : undefined,
    retain: step === 'trim' ? '0s' : undefined,
  });
  const cut = new CutAcknowledgements(stage.receiver);
  const trouble: string[] = [];
  const parts = { subject, stage, cut, trouble };
  const kills = await kill(parts, { step, phase, nth: 1 }, broken);
  const began = Date.now();
  if (kills > 0) await finish(parts, step);
  // A step that does not occur was not run to an end, so nothing is compared.
  const compared = kills > 0 ? stage.compare() : { lost: 0, asNew: 0 };
  return {
    journal: journal.name,
    source: subject.name,
    step,
    phase,
    kills,
    records: stage.receiver.ids().size,
    ...compared,
    ...repeatsOf(stage.receiver),
    // Of a replay, repeats were asked for.
    uncaused: step === 'replay' ? 0 : cut.uncaused(),
    recovery: Date.now() - began,
    trouble,
  };
}

interface Parts {
  readonly subject: Subject;
  readonly stage: Stage;
  readonly cut: CutAcknowledgements;
  readonly trouble: string[];
}

/** At which occurrence each life is killed. */
const NTH: readonly number[] = [1, 2, 3];

/** Lives that are killed one after the other. Returns how many were. */
async function kill(parts: Parts, point: KillPoint, broken: BrokenOrder | undefined): Promise<number> {
  const { subject, stage, cut, trouble } = parts;
  const { step } = point;
  if (step === 'backfill page' && subject.past === undefined) return 0;
  if (step === 'backfill page' || step === 'replay') await runOnce(parts);
  let kills = 0;
  for (const nth of ONCE_A_LIFE.has(step) ? [1, 1, 1] : NTH) {
    const life = stage.start(commandFor(subject, step), {
      kill: { ...point, nth },
      ...(broken && { broken }),
    });
    if (step === 'reload') await reloadWhenStarted(life);
    const { code, signal, stderr } = await life.ended;
    await cut.lifeEnded({ cut: code !== 0 });
    if (signal === 'SIGKILL') kills += 1;
    else if (code !== 0) trouble.push(`a life before the last ended with ${code}: ${lastLines(stderr)}`);
    // One that came to its end comes there again.
    if (signal !== 'SIGKILL') break;
    await stage.free();
    for (const vendor of stage.vendors) vendor.happen();
  }
  return kills;
}

/** Steps that come once in a life. */
const ONCE_A_LIFE: ReadonlySet<Step> = new Set(['lock', 'migration', 'renewal', 'lease', 'trim', 'reload']);

function commandFor({ past }: Subject, step: Step): readonly string[] {
  if (step === 'reload') return ['run'];
  if (step === 'backfill page') return ['backfill', 'source0', ...(past?.span ?? [])];
  if (step === 'replay') return ['replay', '--destination', 'siem', '--from', '1h'];
  return ['once'];
}

/** A reload comes while the daemon works. */
async function reloadWhenStarted(life: Running): Promise<void> {
  const { child, ended } = life;
  await Promise.race([life.said('"Started."'), ended]);
  child.kill('SIGHUP');
  // A daemon that does not come to its step would run for ever.
  const done = new AbortController();
  void ended.then(() => done.abort());
  await Promise.race([life.said('"Started."', 2), ended]);
  await sleep(2_000, undefined, { signal: done.signal }).catch(() => undefined);
  child.kill('SIGTERM');
}

/** Runs the command that was killed to its end, then passes until nothing is missing. */
async function finish(parts: Parts, step: Step): Promise<void> {
  const { subject, stage, trouble } = parts;
  if (step === 'backfill page' || step === 'replay') {
    const { code, stderr } = await stage.start(commandFor(subject, step)).ended;
    if (code !== 0) trouble.push(`${step} ended with ${code}: ${lastLines(stderr)}`);
  }
  for (let passes = 0; passes < MOST_PASSES; passes += 1) {
    await runOnce(parts);
    if (stage.compare().lost === 0) break;
    await sleep(200);
  }
}

async function runOnce({ stage, cut, trouble }: Parts): Promise<void> {
  const { code, stderr } = await stage.start(['once']).ended;
  await cut.lifeEnded({ cut: code !== 0 });
  if (code !== 0) trouble.push(`once ended with ${code}: ${lastLines(stderr)}`);
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-2).join(' ').slice(-400);
}
