import type { Checks } from './checks.ts';
import type { Definition, PositionPlan, WindowPlan } from './definition.ts';
import { timeFormat } from './map-checks.ts';
import { answerValue, recordPath } from './parse-values.ts';
import type { RecordRules } from './records.ts';
import { bodyTemplate, printedUnit, queryTemplates, type RequestTemplate, uses } from './request.ts';
import type { RawDefinition } from './schema.ts';
import { type OptionTypes, Terms } from './terms.ts';
import type { TimeFormat } from './time.ts';

/** What checking `cursor` needs. */
export interface CursorParts {
  readonly checks: Checks;
  readonly options: OptionTypes;
  readonly raw: RawDefinition;
  readonly request: RequestTemplate | undefined;
}

const KINDS = ['window', 'position', 'snapshot'] as const;
type Kind = (typeof KINDS)[number];

/** The kind of cursor that is written; undefined when it is not exactly one. */
export function cursorKind(checks: Checks, raw: Readonly<Record<string, unknown>>): Kind | undefined {
  // `snapshot:` without a value is null.
  const given = KINDS.filter((kind) => kind in raw && (kind === 'snapshot' || raw[kind] !== undefined));
  if (given.length === 1) return given[0];
  // What is wrong inside of it was reported.
  if (given.length === 0 && Object.keys(checks.value['cursor'] ?? {}).length > 0) return undefined;
  checks.add(
    ['cursor'],
    `expected exactly one of ${KINDS.join(', ')}${given.length === 0 ? '' : ` (got ${given.join(' and ')})`}`,
  );
  return undefined;
}

/** The variables that the cursor gives to the request. */
export function cursorVariables(raw: RawDefinition): Readonly<Record<string, string>> {
  const time = 'google.protobuf.Timestamp';
  const { window, position } = raw.cursor;
  if (window !== undefined) return { from: time, to: time };
  // A cursor that is wrong was reported. What uses its variables is not wrong because of that.
  if (position === undefined && !('snapshot' in raw.cursor)) return { from: time, to: time };
  return position?.initial_lookback !== undefined ? { from: time } : {};
}

/** Checks a window. What is wrong was reported. */
export function windowPlan({ checks, raw, request }: CursorParts): WindowPlan | undefined {
  const { window } = raw.cursor;
  if (window === undefined) return undefined;
  const path = ['cursor', 'window'];
  if (request !== undefined && !uses(request, 'from'))
    checks.add(['request'], 'it must use `from`, the lower end of the window, such as {{ iso(from) }}');
  if (request !== undefined && window.filter === 'both' && !uses(request, 'to'))
    checks.add([...path, 'filter'], 'the request does not use `to`; set `filter: from`');
  if (raw.paging?.keyset !== undefined && window.order !== 'ascending')
    checks.add(['paging', 'keyset'], 'needs `order: ascending`');
  const { order, filter, exclusive, retention, settle, overlap, initial_lookback, slice } = window;
  const units = {
    from: request === undefined ? 1 : printedUnit(request, 'from'),
    to: request === undefined ? 1 : printedUnit(request, 'to'),
  };
  return {
    kind: 'window',
    order,
    filter,
    exclusive,
    retention,
    units,
    defaults: { settle, overlap, initial_lookback, slice },
  };
}

/** Checks a position. What is wrong was reported. */
export function positionPlan({ checks, options, raw, request }: CursorParts): PositionPlan | undefined {
  const { position } = raw.cursor;
  if (position === undefined) return undefined;
  const path = ['cursor', 'position'];
  const from = answerValue({ checks, options }, [...path, 'from'], position.from);
  const isOfRecord = typeof position.from === 'object' && 'last' in position.from;
  if (isOfRecord && position.order !== 'ascending')
    checks.add([...path, 'from'], '`last` needs `order: ascending`');
  if (position.expired !== undefined && (position.time === undefined || position.as === undefined))
    checks.add([...path, 'expired'], 'needs `time` and `as`, so that reading can start again');
  const variables = { position: 'dyn' };
  const open = new Terms(checks, options, { variables });
  const secret = new Terms(checks, options, { variables, secrets: true });
  const { query, body } = position.request ?? {};
  const replaced = {
    ...(query !== undefined && {
      query: queryTemplates(checks, [...path, 'request', 'query'], { raw: query, terms: open }) ?? [],
    }),
    ...(body !== undefined && { body: bodyTemplate([...path, 'request', 'body'], body, secret) }),
  };
  if (body !== undefined && raw.request.method === 'GET')
    checks.add([...path, 'request', 'body'], 'a GET request has no body; set `method: POST`');
  if (!uses(replaced, 'position'))
    checks.add([...path, 'request'], 'it must use `position`, in `query` or `body`');
  if (from === undefined || request === undefined) return undefined;
  return {
    kind: 'position',
    from,
    more:
      position.more === undefined
        ? undefined
        : answerValue({ checks, options }, [...path, 'more'], position.more),
    lookback: position.initial_lookback,
    request: { ...request, ...replaced },
    expired: position.expired?.status ?? [],
  };
}

/** How the times of records are written. */
export function cursorFormat(checks: Checks, { cursor }: RawDefinition): TimeFormat {
  const kind = cursor.window === undefined ? 'position' : 'window';
  const written = cursor.window ?? cursor.position;
  if (written === undefined) return { kind: 'iso' };
  return (
    timeFormat(checks, ['cursor', kind], { as: written.as ?? 'iso', zone: written.zone }) ?? { kind: 'iso' }
  );
}

/** Where records have their time. */
export function timeRule(checks: Checks, raw: RawDefinition, format: TimeFormat): RecordRules['time'] {
  const { window, position } = raw.cursor;
  const kind = window === undefined ? 'position' : 'window';
  const text = window?.time ?? position?.time;
  if (text === undefined) return undefined;
  const path = recordPath(checks, ['cursor', kind, 'time'], { text, split: raw.split !== undefined });
  if (path.of === 'item' || path.steps.length === 0)
    checks.add(['cursor', kind, 'time'], 'expected a path in the record');
  return { path, format, required: window !== undefined };
}

/** Checks what identifies a record, and what a paging needs of the cursor. */
export function checkKey(checks: Checks, raw: RawDefinition, kind: Kind | undefined): void {
  if (raw.paging?.keyset !== undefined && kind !== undefined && kind !== 'window')
    checks.add(['paging', 'keyset'], 'needs a `window`');
  if (raw.key !== undefined) return;
  if (kind !== undefined && kind !== 'window')
    checks.addKey(
      ['key'],
      `missing; a ${kind} needs a key (only the records of a window can be told apart by content)`,
    );
  else if (raw.paging?.offset !== undefined || raw.paging?.page !== undefined)
    checks.addKey(['key'], 'missing; with `offset` or `page` records cannot be told apart by content');
}

/** What of a definition names its streams and keys. */
export function fingerprintOf(raw: RawDefinition, kind: Kind): Definition['fingerprint'] {
  const { window, position } = raw.cursor;
  const written = window ?? position;
  return {
    key: raw.key ?? null,
    scope: raw.scope,
    split: raw.split ?? null,
    dataset: raw.dataset,
    cursor: kind,
    time: written?.time ?? null,
    as: written?.as ?? null,
    zone: written?.zone ?? null,
  };
}
