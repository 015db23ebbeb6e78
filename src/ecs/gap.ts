import { LEDGER_FULL } from '../journal/journal.ts';
import { streamKey, identityOf, type Identified } from '../core/stream-key.ts';
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
