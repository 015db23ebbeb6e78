import type { Source } from '../source.ts';
import { compact, ECS_VERSION, type EcsEvent, type EcsValue } from './event.ts';
import { isoTime } from './time.ts';

/** What of a source every one of its events says. */
export type Origin = Pick<Source, 'vendor' | 'product' | 'dataset' | 'categorisation'>;

interface Circumstances {
  /** Becomes `event.id` where the vendor has none. */
  readonly uid: string;
  /** When the answer was read, epoch ms. */
  readonly observedAt: number;
  /** Each becomes `labels.<name>`. */
  readonly labels?: Readonly<Record<string, string>>;
}

const USERS = /^(?:source\.|destination\.|client\.|server\.)?user\.(?:\w+\.)?(?:id|name|email)$/;
const ADDRESSES = /^(?:source|destination|client|server|host)\.(?:nat\.)?ip$/;

/** Adds the fields that every event has (DESIGN §6). What the mapping set itself is kept, an empty text too; `related.*` is added to. */
export function withCommonFields(
  event: EcsEvent,
  { vendor, product, dataset, categorisation }: Origin,
  { uid, observedAt, labels = {} }: Circumstances,
): EcsEvent {
  const observed = isoTime(observedAt);
  const own = compact({
    '@timestamp': observed,
    'ecs.version': ECS_VERSION,
    'event.kind': categorisation.kind,
    'event.category': categorisation.category,
    'event.type': categorisation.type,
    'event.dataset': dataset,
    'event.module': dataset.split('.')[0],
    'event.id': uid,
    'event.created': observed,
    'observer.vendor': vendor,
    'observer.product': product,
  });
  const added = compact({
    'related.ip': collect(event, ADDRESSES, 'related.ip'),
    'related.user': collect(event, USERS, 'related.user'),
    ...Object.fromEntries(Object.entries(labels).map(([name, value]) => [`labels.${name}`, value])),
  });
  return { ...own, ...event, ...added };
}

function collect(event: EcsEvent, fields: RegExp, related: string): readonly string[] {
  const found = Object.entries(event).flatMap(([name, value]) =>
    fields.test(name) || name === related ? texts(value) : [],
  );
  return [...new Set(found)];
}

function texts(value: EcsValue): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter(
    (one) => typeof one === 'string' && one !== '',
  ) as string[];
}
