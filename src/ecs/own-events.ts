import type { SourceConfig } from '../config/types.ts';
import { LEDGER_FULL } from '../journal/journal.ts';
import { identityOf, streamKey, type Identified } from '../core/stream-key.ts';
import type { Gap, Scope } from '../core/source.ts';
import { withCommonFields, type Origin } from './common.ts';
import { compact, type JournaledEvent } from '../core/event.ts';
import { isoTime } from './time.ts';
import { digest, partsOf } from './uid.ts';

/** `event.dataset` of gap events, which are Penstock's own. */
export const GAPS_DATASET = 'penstock.gaps';

/** Of events that Penstock tells of itself. */
export const PENSTOCK: Origin = {
  vendor: 'Penstock',
  product: 'Penstock',
  dataset: GAPS_DATASET,
  categorisation: { kind: 'event', category: ['configuration'], type: ['info'] },
};

interface GapNotice {
  readonly config: Identified;
  readonly scope: Scope;
  readonly gap: Gap;
  /** Epoch ms. */
  readonly observedAt: number;
}

/** The event that tells a gap: what could not be read, and why. Told again, it has the same id. */
export function gapEvent({ config, scope, gap, observedAt }: GapNotice): JournaledEvent {
  const names = { ...identityOf(config), scope: scope.id };
  const { part, reason } = gap;
  const [from, to] = [isoTime(gap.from), isoTime(gap.to)];
  const uid = digest('gap', ...partsOf(names), part, reason, from, to);
  const event = compact({
    'event.action': 'gap-opened',
    'event.reason': reason,
    'event.start': from,
    'event.end': to,
    'penstock.gap.source': config.name,
    'penstock.gap.stream': streamKey(names),
    'penstock.gap.part': part,
    'penstock.gap.from': from,
    'penstock.gap.to': to,
    'penstock.gap.reason': reason,
    message: messageOf(config.name, { reason, part: of(part), from, to }),
  });
  return {
    uid,
    event: withCommonFields(event, PENSTOCK, {
      uid,
      observedAt,
      source: config,
      labels: config.options.labels,
    }),
  };
}

interface Told {
  readonly reason: string;
  readonly part: string;
  readonly from: string;
  readonly to: string;
}

function messageOf(source: string, { reason, part, from, to }: Told): string {
  if (reason === LEDGER_FULL)
    return `Source ${source} no longer knows what it sent of ${from} to ${to}${part}, and may send it again: ${reason}.`;
  return `Source ${source} could not read ${from} to ${to}${part} completely: ${reason}.`;
}

function of(part: string): string {
  return part === '' ? '' : ` of ${part}`;
}

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
