import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { EcsEvent } from '../../core/event.ts';
import type { HttpResponse } from '../../core/http.ts';
import { toJson } from '../../core/json.ts';
import type { CommonOptions, Page, Scope, Source, SourceContext } from '../../core/source.ts';
import { authenticationOf } from './authentication.ts';
import { backfillOf } from './backfill.ts';
import {
  type Fingerprint,
  type PositionCursor,
  positionCursor,
  type SnapshotCursor,
  snapshotCursor,
  type WindowCursor,
  windowCursor,
} from './cursors.ts';
import { type Definition, LIMITS, type Limits, type PollParts, type WindowOptions } from './definition.ts';
import { type Item, mapItem } from './mapping.ts';
import { optionsOf } from './options.ts';
import { ROUTE } from './pager.ts';
import type { Steps } from './path.ts';
import { pollPosition } from './poll-position.ts';
import { pollSnapshot } from './poll-snapshot.ts';
import { pollWindow } from './poll-window.ts';
import { probe } from './probe.ts';
import { restFieldOf } from './rest.ts';
import { readTime } from './time.ts';

/** A record was made by `Reading.observe`; a malformed one says why. */
const item = z.custom<Item>((value) => (value as Item).problem === undefined, {
  error: (issue) => (issue.input as Item).problem,
});

/** The source that a definition describes. */
export function sourceOf(definition: Definition, limits: Limits = LIMITS): Source {
  const { cursor, mapping, rules, scope } = definition;
  const kind = cursor.kind;
  const streams = async function* ({ options }: Pick<SourceContext<CommonOptions>, 'options'>) {
    yield scopeOf(definition, options);
  };
  const files = [...definition.optionTypes].filter(([, type]) => type === 'file').map(([name]) => name);
  const backfill = backfillOf(definition, streams);
  const source: Source = {
    id: definition.id,
    title: definition.title,
    vendor: definition.vendor,
    product: definition.product,
    dataset: definition.dataset,
    categorisation: definition.event,
    fields: fieldsOf(definition),
    ...(mapping.rest !== undefined && { openNamespace: true }),
    keyFields: keyFieldsOf(definition),
    stream: rules.compare === undefined ? 'append-only' : 'mutable',
    canReread: kind !== 'snapshot',
    ...(scope.length > 0 && { scopedBy: scope }),
    options: optionsOf(definition),
    ...(files.length > 0 && { fileOptions: files }),
    cursor: CURSORS[kind],
    changedSince: (stored) => changesOf(definition, stored),
    record: item,
    quotas: () => definition.quotas.map((quota) => ({ route: ROUTE, ...quota })),
    authorise: (options) => authenticationOf(definition, options),
    ...(definition.throttled.length > 0 && { throttled: (response) => throttledBy(definition, response) }),
    streams,
    poll: (context, stored) => pollOf({ definition, context, limits }, stored),
    probe: (context) => probe(definition, context),
    ...(backfill === undefined ? { noPast: NO_PAST[kind] } : { backfill, rewind }),
    ...(kind === 'window' && { settledUntil: (options, now) => now - (options as WindowOptions).settle }),
    normalise: (record, context): EcsEvent => mapItem(mapping, record as Item, context),
  };
  return source;
}

/** Why a source cannot be asked for a past span, by its cursor. */
const NO_PAST = {
  window:
    'names only the beginning of what it asks for (`filter: from`), and a past span needs its end as well',
  position: 'reads on at a position that the vendor keeps, and cannot ask for a past span',
  snapshot: 'reads the whole list at each poll, and the vendor keeps no earlier one',
} as const;

const CURSORS = { window: windowCursor, position: positionCursor, snapshot: snapshotCursor } as const;

/** The pages of a poll, their cursors as they are stored. */
async function* pollOf(parts: PollParts, cursor: unknown): AsyncGenerator<Page<unknown>> {
  const schema: z.ZodType = CURSORS[parts.definition.cursor.kind];
  for await (const page of pagesOf(parts, cursor))
    yield page.cursor === undefined ? page : { ...page, cursor: schema.encode(page.cursor) };
}

function pagesOf(parts: PollParts, cursor: unknown): AsyncIterable<Page<unknown>> {
  switch (parts.definition.cursor.kind) {
    case 'window':
      return pollWindow(parts, cursor as WindowCursor | undefined);
    case 'position':
      return pollPosition(parts, cursor as PositionCursor | undefined);
    case 'snapshot':
      return pollSnapshot(parts, cursor as SnapshotCursor | undefined);
    default:
      return parts.definition.cursor satisfies never;
  }
}

/** What of a definition changed since a cursor was stored: the keys of `source.yaml`, in words. */
function changesOf({ fingerprint }: Definition, stored: unknown): string | undefined {
  const before = (stored as { readonly definition?: Fingerprint } | undefined)?.definition;
  if (before === undefined) return undefined;
  const names = [...new Set([...Object.keys(before), ...Object.keys(fingerprint)])];
  const changed = names.filter((name) => !isDeepStrictEqual(before[name], fingerprint[name]));
  return changed.length === 0 ? undefined : changed.map((name) => `\`${name}\``).join(', ');
}

function rewind(cursor: unknown, to: number): WindowCursor {
  const { pending: _, resume: __, ...before } = cursor as WindowCursor;
  return { ...before, next: Math.min(before.next, to) };
}

/** The stream of a source: the values of the options that `scope` lists. */
function scopeOf({ scope }: Definition, options: object): Scope {
  const values = scope.map((name): unknown => Reflect.get(options, name));
  const [only] = values;
  if (values.length < 2) return { id: textOf(only) };
  return { id: values.map((value) => encodeURIComponent(textOf(value).toWellFormed())).join('/') };
}

function textOf(value: unknown): string {
  if (value === undefined) return '';
  return Array.isArray(value)
    ? toJson(value.map(String).toSorted())
    : `${value as string | number | boolean}`;
}

/** The vendor's fields that are declared or mapped; all others are keywords. */
function fieldsOf({ fields, mapping }: Definition): Source['fields'] {
  const mapped = mapping.fields.filter(({ name }) => name.startsWith(mapping.namespace));
  return { ...Object.fromEntries(mapped.map(({ name }) => [name, 'keyword'] as const)), ...fields };
}

/**
 * The fields whose values its keys hold, or the values that tell a changed record: those that `map` makes of them by a
 * path, and those that hold them unmapped. Content alone is a hash.
 */
function keyFieldsOf({ mapping, rules: { key = [], compare } }: Definition): readonly string[] {
  const kept = [...key, ...(typeof compare === 'object' ? compare : [])];
  const mapped = mapping.fields.flatMap(({ name, origin }) => {
    if (!('steps' in origin)) return [];
    const isKept = kept.some(({ of, steps }) => of === origin.of && isWithin(origin.steps, steps));
    return isKept ? [name] : [];
  });
  const unmapped = kept.flatMap(({ of, steps }) => {
    const rest = of === 'item' ? mapping.restOfItem : mapping.rest;
    return rest === undefined || steps.length === 0 ? [] : [restFieldOf(rest, steps)];
  });
  const id = key.length === 1 ? ['event.id'] : [];
  return [...new Set([...mapped, ...unmapped, ...id])];
}

/** Whether a path leads to what another one names, or to a part of it. */
function isWithin(path: Steps, outer: Steps): boolean {
  return isDeepStrictEqual(path.slice(0, outer.length), outer);
}

function throttledBy(
  { throttled }: Definition,
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
): { readonly until: number | undefined } | undefined {
  const rule = throttled.find(
    (one) =>
      one.status === status &&
      (one.header === undefined ||
        (one.equals === undefined ? headers[one.header] !== undefined : headers[one.header] === one.equals)),
  );
  if (rule === undefined) return undefined;
  const { until } = rule;
  return { until: until && readTime(headers[until.header], until.format)?.ms };
}
