import { StateError } from '../core/errors.ts';
import { PENSTOCK_FIELDS } from '../core/event.ts';
import { healthEvent } from '../ecs/own-events.ts';
import { OWN_TYPE } from '../journal/collection.ts';
import { LeaseLostError, type PageCommit } from '../journal/journal.ts';
import { takeOwnSnapshot, type Snapshot, type SourceSnapshot } from '../observe/snapshot.ts';
import { RecordEncoder } from '../otlp/encode.ts';
import type { App } from './app.ts';

/** After a start, the first heartbeat waits so long that it can report on the first polls. Milliseconds. */
const FIRST = 60_000;

/** CronJobs do not start to the second: one that starts early by this share of the interval still sends a heartbeat. */
const EARLY = 0.1;

/** A source that was taken over gets its heartbeat at most so much late. Milliseconds. */
const LATEST = 60_000;

/**
 * Journals a `penstock.health` event of each source that this process holds every `interval` milliseconds, until
 * delivering ends. Whoever holds a source next goes on by when its last one was.
 */
export async function heartbeats(app: App, interval: number): Promise<void> {
  const { clock, delivering: signal, units } = app;
  await clock.sleep(Math.min(interval, FIRST), signal).catch(() => undefined);
  while (!signal.aborted) {
    const { next: taken } = units;
    const next = (await tryHeartbeat(app, interval)) ?? clock.now() + interval;
    await clock.sleep(next - clock.now(), AbortSignal.any([signal, taken])).catch(() => undefined);
    // Many are taken one after another.
    if (!signal.aborted && taken.aborted)
      await clock.sleep(Math.min(interval, LATEST), signal).catch(() => undefined);
  }
}

/**
 * For `once`: journals a `penstock.health` event of each source that this process holds (`only`: of this one) and whose
 * last one is about `interval` milliseconds ago.
 */
export async function heartbeatIfDue(app: App, interval: number, only?: string): Promise<void> {
  await tryHeartbeat(app, interval * (1 - EARLY), only);
}

/** When a heartbeat cannot be journaled, it is missing in the SIEM, as it should be. */
async function tryHeartbeat(app: App, interval: number, only?: string): Promise<number | undefined> {
  try {
    return await heartbeat(app, interval, only);
  } catch (error) {
    if (error instanceof StateError) throw error;
    app.log[app.live.state.level](
      { err: error },
      'The heartbeat could not be journaled; the next one follows as scheduled.',
    );
    return undefined;
  }
}

/** Journals the heartbeats whose last one is `interval` ago. Returns when the next one is due, epoch ms. */
async function heartbeat(app: App, interval: number, only?: string): Promise<number> {
  const now = app.clock.now();
  const snapshot = await takeOwnSnapshot(app);
  // Heartbeats must not fill a journal that has no room; `journal.room` and readiness report that.
  if (snapshot.journal.room !== 'free') return now + interval;
  const due: number[] = [];
  const sources = snapshot.sources.filter(({ config }) => only === undefined || config.name === only);
  for (const source of sources) {
    try {
      due.push(await beat(app, source, { snapshot, interval }));
    } catch (error) {
      // Who holds the source by now sends it.
      if (!(error instanceof LeaseLostError)) throw error;
    }
  }
  return Math.min(now + interval, ...due);
}

/** Journals the heartbeat of a source, if it is due. Returns when the next one is. */
async function beat(
  app: App,
  source: SourceSnapshot,
  { snapshot, interval }: { readonly snapshot: Snapshot; readonly interval: number },
): Promise<number> {
  const now = snapshot.at;
  const stream = await openStream(app, source);
  const { beat: last } = (stream.cursor ?? {}) as { beat?: number };
  // A heartbeat in the future was noted before the clock was set back.
  const isDue = last === undefined || last > now || now - last >= interval;
  if (isDue) await app.journal.commit(pageOf(stream.key, source, snapshot));
  return (isDue ? now : last) + interval;
}

/** Heartbeats have a stream of their own: a source that has no stream yet sends them too. */
function openStream({ journal }: App, { config }: SourceSnapshot) {
  return journal.streams.open({
    source: config.name,
    type: OWN_TYPE,
    origin: 'health',
    account: '',
    scope: config.name,
    cursorVersion: 1,
  });
}

const encoder = new RecordEncoder(PENSTOCK_FIELDS);

function pageOf(stream: string, source: SourceSnapshot, { at, journal }: Snapshot): PageCommit {
  const { config, troubles, streams } = source;
  const reasons = troubles.map(({ reason }) => reason);
  const event = healthEvent({ ...source, at, reasons, streams: streams.length, journal });
  return {
    stream,
    source: config.name,
    observedAt: at,
    records: encoder.encode([event], at),
    cursor: { beat: at },
  };
}
