import type { Expression } from '../../core/cel/expression.ts';
import { withoutNulls } from '../../core/cel/expression.ts';
import type { EcsEvent, EcsValue } from '../../core/event.ts';
import { compact } from '../../core/event.ts';
import type { MappingContext, MappingLosses } from '../../core/source.ts';
import { oddFields } from '../../ecs/common.ts';
import { converted, isAddress, type Target } from './ecs-values.ts';
import { type Steps, valueAt } from './path.ts';
import { type Rest, RestFields, withoutConflicts } from './rest.ts';
import type { TimeFormat } from './time.ts';

/** A record as `normalise` gets it. */
export interface Item {
  /** The vendor's record, or its detail where `expand` fetched one. */
  readonly record: unknown;
  /** With `split`: the element. */
  readonly item?: unknown;
  /** The value of a key of one path: `event.id`. */
  readonly id?: string | undefined;
  /** Why it is malformed. */
  readonly problem?: string | undefined;
  /** The vendor sent no detail for it. */
  readonly isUndetailed?: boolean;
}

/** Where a field's value comes from. */
export type Origin =
  | { readonly steps: Steps; readonly of: 'record' | 'item'; readonly text: string }
  | { readonly constant: unknown }
  | { readonly cel: Expression };

/** One line of `map`. */
export interface MappedField {
  readonly name: string;
  readonly origin: Origin;
  readonly when: Expression | undefined;
  readonly target: Target;
  readonly format: TimeFormat;
}

/** How a definition's records become events. */
export interface Mapping {
  readonly fields: readonly MappedField[];
  /** The vendor's namespace with a dot: `acme.`. */
  readonly namespace: string;
  /** The names that have a vendor field of `map` below them. */
  readonly objects: readonly string[];
  /** Undefined: unmapped fields are dropped. */
  readonly rest: Rest | undefined;
  /** The same for the element of `split`, below `<dataset>.item`. */
  readonly restOfItem: Rest | undefined;
}

const PARTY_IP = /^(source|destination|client|server)\.ip$/;

/** Maps a record to ECS. What does not fit is left out, named in `error.message` and counted. */
export function mapItem(
  mapping: Mapping,
  item: Item,
  { reason, losses }: Pick<MappingContext, 'reason' | 'losses'>,
): EcsEvent {
  const event: Record<string, EcsValue> = {};
  const problems: string[] = [];
  const variables = lazily(() => ({
    record: withoutNulls(item.record),
    ...('item' in item && { item: withoutNulls(item.item) }),
    change: reason === 'new' ? 'new' : 'updated',
  }));
  for (const field of mapping.fields) setField(field, item, { event, problems, variables, losses });
  const rest = addRest(mapping, item, { event, problems });
  if (item.id !== undefined && !('event.id' in event)) event['event.id'] = item.id;
  addHosts(event);
  const mapped = compact(withoutConflicts(event, [...mapping.objects, ...(rest?.objects ?? [])]));
  // The vendor fields beyond the limit are one problem.
  losses?.leftOut(
    problems.length + Math.max(0, (rest?.leftOut ?? 0) - 1) + (item.isUndetailed === true ? 1 : 0),
  );
  if (problems.length === 0) return mapped;
  return {
    ...mapped,
    ...oddFields('item' in item ? { record: item.record, item: item.item } : item.record, named(problems)),
  };
}

/** So many of the values that were left out are named. */
const MOST_NAMED = 10;

function named(problems: readonly string[]): string {
  const more = problems.length - MOST_NAMED;
  return [...problems.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

interface Building {
  readonly event: Record<string, EcsValue>;
  readonly problems: string[];
  readonly variables: () => Readonly<Record<string, unknown>>;
  readonly losses: MappingLosses | undefined;
}

function setField(field: MappedField, item: Item, { event, problems, variables, losses }: Building): void {
  const { name, origin, when, target, format } = field;
  if (when !== undefined && !holds(when, variables(), name, problems)) return;
  const value = valueOf(origin, item, { name, problems, variables });
  if (value === undefined) return;
  const party = PARTY_IP.exec(name)?.[1];
  if (party !== undefined && typeof value === 'string' && value !== '') {
    event[`${party}.address`] ??= value;
    if (isAddress(value)) event[name] = value;
    return;
  }
  const { value: kept, problems: found, shortened } = converted(value, target, format);
  if (shortened === true) losses?.shortened(name);
  const place = 'text' in origin && origin.text !== '' ? `${name} (${origin.text})` : name;
  for (const problem of found) problems.push(`${place}: ${problem}`);
  if (kept !== undefined) event[name] = kept;
}

/** `when` is false where a field that it needs is absent. */
function holds(
  when: Expression,
  variables: Readonly<Record<string, unknown>>,
  name: string,
  problems: string[],
): boolean {
  const outcome = when.evaluate(variables);
  if ('value' in outcome && typeof outcome.value === 'boolean') return outcome.value;
  if (!('absent' in outcome))
    problems.push(
      `${name}: \`when\` failed: ${'failed' in outcome ? outcome.failed : 'it is neither true nor false'}`,
    );
  return false;
}

function valueOf(
  origin: Origin,
  item: Item,
  { name, problems, variables }: Omit<Building, 'event' | 'losses'> & { readonly name: string },
): unknown {
  if ('constant' in origin) return origin.constant;
  if ('steps' in origin) return valueAt(origin.of === 'item' ? item.item : item.record, origin.steps);
  const outcome = origin.cel.evaluate(variables());
  if ('failed' in outcome) problems.push(`${name}: the expression failed: ${outcome.failed}`);
  return 'value' in outcome ? outcome.value : undefined;
}

/** Adds the fields that `map` does not name. */
function addRest(
  { rest, restOfItem }: Mapping,
  item: Item,
  { event, problems }: Pick<Building, 'event' | 'problems'>,
): RestFields | undefined {
  if (rest === undefined) return undefined;
  const fields = new RestFields(rest, event);
  if (typeof item.record === 'object') fields.add(item.record, rest.dataset, rest.except);
  if (restOfItem !== undefined && item.item !== undefined)
    fields.add(item.item, restOfItem.dataset, restOfItem.except);
  for (const [name, value] of fields.values) event[name] = value;
  problems.push(...fields.problems);
  if (fields.leftOut > 0) problems.push(`${fields.leftOut} more vendor fields`);
  return fields;
}

const HOSTS = [
  'related.hosts',
  'host.name',
  'host.hostname',
  'source.domain',
  'destination.domain',
  'client.domain',
  'server.domain',
  'url.domain',
];

function addHosts(event: Record<string, EcsValue>): void {
  const hosts = new Set<string>();
  for (const name of HOSTS) {
    const value = event[name];
    if (value === undefined) continue;
    for (const host of Array.isArray(value) ? value : [value])
      if (typeof host === 'string' && host !== '') hosts.add(host);
  }
  if (hosts.size > 0) event['related.hosts'] = [...hosts];
}
