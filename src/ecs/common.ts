import type { Source } from '../source.ts';
import { ECS_VERSION, type EcsEvent, type EcsValue } from './event.ts';
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

/** Adds the fields that every event has. What the mapping set itself is kept, an empty text too; `related.*` is added to. */
export function withCommonFields(
  event: EcsEvent,
  { vendor, product, dataset, categorisation }: Origin,
  { uid, observedAt, labels = {} }: Circumstances,
): EcsEvent {
  const observed = isoTime(observedAt);
  const { ips, users } = collectRelated(event);
  const all: Record<string, EcsValue> = {
    '@timestamp': observed,
    'ecs.version': ECS_VERSION,
    'event.kind': categorisation.kind,
    'event.category': categorisation.category,
    'event.type': categorisation.type,
    'event.dataset': dataset,
    'event.module': dataset.split('.')[0] ?? dataset,
    'event.id': uid,
    'event.created': observed,
    'observer.vendor': vendor,
    'observer.product': product,
    ...event,
  };
  if (ips.size > 0) all['related.ip'] = [...ips];
  if (users.size > 0) all['related.user'] = [...users];
  for (const [name, value] of Object.entries(labels)) if (value !== '') all[`labels.${name}`] = value;
  return all;
}

function collectRelated(event: EcsEvent): { ips: Set<string>; users: Set<string> } {
  const ips = new Set<string>();
  const users = new Set<string>();
  for (const name of Object.keys(event)) {
    const role = roleOf(name);
    if (role === undefined) continue;
    for (const text of texts(event[name] as EcsValue)) (role === 'ip' ? ips : users).add(text);
  }
  return { ips, users };
}

type Role = 'ip' | 'user' | undefined;

/** There are few names of fields, and many events. */
const roles = new Map<string, Role>();

function roleOf(name: string): Role {
  if (!roles.has(name)) roles.set(name, decideRole(name));
  return roles.get(name);
}

function decideRole(name: string): Role {
  if (name === 'related.ip' || ADDRESSES.test(name)) return 'ip';
  return name === 'related.user' || USERS.test(name) ? 'user' : undefined;
}

function texts(value: EcsValue): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter(
    (one) => typeof one === 'string' && one !== '',
  ) as string[];
}
