import { type LogRecord, ROOT_CONTEXT } from '@opentelemetry/api';
import type { DestinationConfig } from '../config/types.ts';
import type { EcsEvent, JournaledEvent } from '../core/event.ts';
import type { JournalPage } from '../journal/journal.ts';
import { hrTimeOf, hrTimeOfMillis } from './nanoseconds.ts';
import { PROFILES, severityOf } from './profiles.ts';
import { makeSafe } from './safe-values.ts';

/** How a destination wants its records. */
export interface Shaping {
  readonly profile: DestinationConfig['profile'];
  /** `data_stream.namespace` of an event, by its source's name; undefined: `default`. */
  readonly namespaceOf: (source: string, event: EcsEvent) => string | undefined;
}

/** A page without its events: what a record takes from the page that it was committed with. */
export type PageContext = Pick<JournalPage, 'source' | 'dataset' | 'observedAt'>;

/**
 * A journaled event as arguments of `Logger.emit`. A pure function of what is journaled and configured, so that a
 * repeat after a restart or an upgrade is byte for byte the same.
 */
export function toLogRecord({ uid, event }: JournaledEvent, page: PageContext, shaping: Shaping): LogRecord {
  const profile = PROFILES[shaping.profile];
  const safe = makeSafe(event);
  const observed = hrTimeOf(safe['event.created']) ?? hrTimeOfMillis(page.observedAt);
  const dataset = datasetOf(event, page);
  const namespace = shaping.namespaceOf(page.source, event) ?? 'default';
  return {
    timestamp: hrTimeOf(safe['@timestamp']) ?? observed,
    observedTimestamp: observed,
    ...(profile.severity ? severityOf(safe) : {}),
    ...profile.shape({ uid, event: safe, dataset, namespace }),
    // Without it the SDK would take the trace that happens to be active, and a repeat would differ.
    context: ROOT_CONTEXT,
  };
}

/** An event's own dataset: a gap told in the middle of a feed is of `penstock.gaps`. */
export function datasetOf(event: EcsEvent, page: Pick<JournalPage, 'dataset'>): string {
  const own = event['event.dataset'];
  return typeof own === 'string' && own !== '' ? own : page.dataset;
}
