import { identityOf, streamKey, type Identified } from '../core/stream-key.ts';
import { GAP_REASON, type Gap, type Scope } from '../core/source.ts';
import { withCommonFields, type Origin, isoTime } from './common.ts';
import { compact, type JournaledEvent } from '../core/event.ts';
import { digest, partsOf } from './uid.ts';

/** `event.dataset` of gap events. */
export const GAPS_DATASET = 'penstock.gaps';

/** What events about Penstock itself have in common. */
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

/** The event about a gap: what could not be read, and why. The id depends on the stream and the gap alone. */
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

interface GapInWords {
  readonly reason: string;
  readonly part: string;
  readonly from: string;
  readonly to: string;
}

function messageOf(source: string, { reason, part, from, to }: GapInWords): string {
  if (reason === GAP_REASON.ledgerFull)
    return `Source ${source} no longer knows what it sent for ${from} to ${to}${part} and may send it again: ${reason}.`;
  return `Source ${source} could not read ${from} to ${to}${part} completely: ${reason}.`;
}

function of(part: string): string {
  return part === '' ? '' : ` of ${part}`;
}

/** `event.dataset` of heartbeats. */
export const HEALTH_DATASET = 'penstock.health';

const HEALTH: Origin = {
  ...PENSTOCK,
  dataset: HEALTH_DATASET,
  categorisation: { kind: 'state', category: ['process'], type: ['info'] },
};

interface Heartbeat {
  readonly config: Identified;
  /** When it was sent, by our clock, epoch ms. */
  readonly at: number;
  /** Why the source is not healthy; empty when it is. */
  readonly reasons: readonly string[];
  readonly streams: number;
  /** Epoch ms. */
  readonly lastComplete: number | undefined;
  readonly deferred: number;
  readonly openGaps: number;
  /** Events that some destination still lacks; `oldest` is when the oldest of them was read, epoch ms. */
  readonly journal: {
    readonly events: number;
    readonly bytes: number;
    readonly oldest: number | undefined;
  };
}

/**
 * The event with the health of a source: it distinguishes a source without events from one that has stopped. The id
 * depends on the source and the time alone.
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
