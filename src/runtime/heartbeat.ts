import type { App } from './app.ts';
import { healthEvent, HEALTH_DATASET } from '../ecs/own-events.ts';
import { StateError } from '../core/errors.ts';
import { OWN_TYPE } from '../journal/journal.ts';
import { takeSnapshot, type Snapshot, type SourceSnapshot } from '../observe/snapshot.ts';

/** At a start, the first sweeps are given this time, so that a heartbeat tells of them. Milliseconds. */
const FIRST = 60_000;
/** Jobs do not start to the second: one that comes this share of the interval early still beats. */
const EARLY = 0.1;

/** Ships a `penstock.health` event of each source every `interval` milliseconds, until the app ends. */
export async function beatNowAndThen(app: App, interval: number): Promise<void> {
  const { clock, delivering: signal } = app;
  await clock.sleep(Math.min(interval, FIRST), signal).catch(() => undefined);
  while (!signal.aborted) {
    const next = (await tryToBeat(app, interval)) ?? clock.now() + interval;
    await clock.sleep(next - clock.now(), signal).catch(() => undefined);
  }
}

/** For `once`: ships a `penstock.health` event of each source whose last one is about `interval` milliseconds ago. */
export async function beatIfDue(app: App, interval: number): Promise<void> {
  await tryToBeat(app, interval * (1 - EARLY));
}

/** A heartbeat that cannot be journaled is missed in the SIEM, as it should be. */
async function tryToBeat(app: App, interval: number): Promise<number | undefined> {
  try {
    return await beat(app, interval);
  } catch (error) {
    if (error instanceof StateError) throw error;
    app.log.error({ err: error }, 'The heartbeat could not be journaled; the next one comes in its time.');
    return undefined;
  }
}

/** Beats for each source whose last heartbeat is `interval` ago. Returns when the next one is due, epoch ms. */
async function beat(app: App, interval: number): Promise<number> {
  const { journal, clock } = app;
  const now = clock.now();
  const snapshot = await takeSnapshot(app);
  // Heartbeats must not fill a journal that has no room: `journal.room` and readiness say so.
  if (snapshot.journal.room !== 'free') return now + interval;
  const due: number[] = [];
  for (const source of snapshot.sources) {
    const stream = await openHeartbeats(app, source);
    const { beat: last } = (stream.cursor ?? {}) as { beat?: number };
    // A heartbeat ahead of us was noted by a clock that went back since.
    const isDue = last === undefined || last > now || now - last >= interval;
    if (isDue) await journal.commit(pageOf(stream.key, source, snapshot));
    due.push((isDue ? now : last) + interval);
  }
  return Math.min(now + interval, ...due);
}

/** A stream of its own, since a source that never got as far as having one has a heartbeat too. */
function openHeartbeats({ journal }: App, { config }: SourceSnapshot) {
  return journal.openStream({
    source: config.name,
    type: OWN_TYPE,
    origin: 'health',
    account: '',
    scope: config.name,
    cursorVersion: 1,
  });
}

function pageOf(stream: string, source: SourceSnapshot, { at, journal }: Snapshot) {
  const { config, troubles, streams } = source;
  const reasons = troubles.map(({ reason }) => reason);
  return {
    stream,
    source: config.name,
    dataset: HEALTH_DATASET,
    lane: 'live',
    observedAt: at,
    events: [healthEvent({ ...source, at, reasons, streams: streams.length, journal })],
    ledger: [],
    cursor: { beat: at },
    gaps: [],
    closedGaps: [],
    complete: false,
    deferred: 0,
  } as const;
}
