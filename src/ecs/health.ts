import { identityOf } from '../core/stream-key.ts';
import type { SourceConfig } from '../config/types.ts';
import { withCommonFields, type Origin } from './common.ts';
import { compact, type JournaledEvent } from '../core/event.ts';
import { PENSTOCK } from './gap.ts';
import { isoTime } from './time.ts';
import { digest, partsOf } from './uid.ts';

/** `event.dataset` of heartbeats, which are Penstock's own. */
export const HEALTH_DATASET = 'penstock.health';

const HEALTH: Origin = {
  ...PENSTOCK,
  dataset: HEALTH_DATASET,
  categorisation: { kind: 'state', category: ['process'], type: ['info'] },
};

interface Heartbeat {
  readonly config: SourceConfig;
  /** When the heart beat: our clock, epoch ms. */
  readonly at: number;
  /** Why the source is not as it should be; empty when it is. */
  readonly reasons: readonly string[];
  readonly streams: number;
  /** Epoch ms. */
  readonly lastComplete: number | undefined;
  readonly deferred: number;
  readonly openGaps: number;
  /** `oldest` in epoch ms: of what some destination lacks. */
  readonly journal: {
    readonly events: number;
    readonly bytes: number;
    readonly oldest: number | undefined;
  };
}

/**
 * The event that says how a source stands, so that a feed without events can be told from one that is dead. Its id is
 * of the source and the time, so that a heartbeat is told once.
 */
export function healthEvent(beat: Heartbeat): JournaledEvent {
  const { config, at, reasons, lastComplete, journal } = beat;
  const { name, options } = config;
  const uid = digest('health', ...partsOf({ ...identityOf(config), scope: name }), isoTime(at));
  const healthy = reasons.length === 0;
  const event = compact({
    'event.action': 'heartbeat',
    'event.outcome': healthy ? 'success' : 'failure',
    'penstock.health.source': name,
    'penstock.health.status': healthy ? 'healthy' : 'unhealthy',
    'penstock.health.reasons': reasons,
    'penstock.health.streams': beat.streams,
    'penstock.health.last_complete': lastComplete === undefined ? undefined : isoTime(lastComplete),
    'penstock.health.owed': beat.deferred,
    'penstock.health.gaps_open': beat.openGaps,
    'penstock.health.journal.events': journal.events,
    'penstock.health.journal.bytes': journal.bytes,
    'penstock.health.journal.age_seconds': journal.oldest === undefined ? 0 : age(journal.oldest, at),
    message: `Source ${name} is ${healthy ? 'healthy' : `not healthy (${reasons.join(', ')})`}; ${polled(lastComplete)}.`,
  });
  return {
    uid,
    event: withCommonFields(event, HEALTH, { uid, observedAt: at, source: config, labels: options.labels }),
  };
}

function polled(lastComplete: number | undefined): string {
  return lastComplete === undefined
    ? 'no poll has completed yet'
    : `its last complete poll ended at ${isoTime(lastComplete)}`;
}

function age(oldest: number, at: number): number {
  return Math.max(0, Math.round((at - oldest) / 1000));
}
