import type { SourceFile } from '../../config/yaml.ts';
import type { RecordRules } from './records.ts';
import { authForms } from './auth.ts';
import { Checks } from './checks.ts';
import type { Definition, Expand, ThrottleRule } from './definition.ts';
import { mappingOf, timeFormat } from './map-checks.ts';
import {
  checkKey,
  cursorFormat,
  cursorKind,
  cursorVariables,
  fingerprintOf,
  positionPlan,
  timeRule,
  windowPlan,
} from './parse-cursor.ts';
import { checkOptions, checkScope } from './parse-options.ts';
import { pagingKind, pagingOf } from './parse-paging.ts';
import { recordPath, recordsAt, steps } from './parse-values.ts';
import { optionsUsed, requestTemplate, type RequestTerms, uses } from './request.ts';
import { definitionSchema, type RawDefinition } from './schema.ts';
import { type OptionTypes, optionTypes, type Position, Terms } from './terms.ts';
import type { TimeFormat } from './time.ts';

/**
 * Reads and checks a `source.yaml`.
 * @throws ConfigError with everything that is wrong, one line each: `file:line:column key: what is wrong`
 */
export function parseDefinition(file: SourceFile): Definition {
  const checks = Checks.of(file);
  const raw = checks.read(definitionSchema);
  const definition = raw && check(checks, raw);
  checks.throwIfAny();
  if (definition === undefined)
    throw new Error(`No mistake was found in ${file.file}, yet it cannot be used.`);
  return definition;
}

/** Runs every check, whatever the others find. Undefined when a part cannot be used, which was reported. */
function check(checks: Checks, raw: RawDefinition): Definition | undefined {
  const options = optionTypes(raw.options);
  checkOptions(checks, raw);
  const kind = cursorKind(checks, raw.cursor);
  const variables = { ...cursorVariables(raw), ...pagingVariables(raw) };
  const terms = requestTerms(checks, options, { variables });
  const request = requestTemplate(checks, ['request'], { raw: raw.request, terms });
  const parts = { checks, options, raw, request };
  const window = windowPlan(parts);
  const position = positionPlan(parts);
  const cursor = window ?? position ?? (kind === 'snapshot' ? ({ kind } as const) : undefined);
  const format = cursorFormat(checks, raw);
  const rules = rulesOf(checks, raw, format);
  checkKey(checks, raw, kind);
  const auth = authForms(checks, options, raw.auth);
  const expand = raw.expand && expandOf(checks, options, raw.expand);
  const inBody = [...terms.secret.used.keys(), ...optionsUsed(position ? [position.request] : [], options)];
  const secretBody = inBody.some((name) => options.get(name) === 'secret');
  const paging = pagingOf({ checks, options, request, secretBody }, raw.paging);
  const mapping = mappingOf(checks, options, { raw, format });
  const requests = [request, position?.request, expand?.request];
  const unscoped = checkScope(checks, { raw, options, terms, auth, requests, expand });
  const throttled = throttleRules(checks, raw);
  if (request === undefined || cursor === undefined || kind === undefined) return undefined;
  return {
    ...named(raw),
    options: raw.options,
    optionTypes: options,
    scope: raw.scope,
    unscoped,
    auth,
    throttled,
    request,
    cursor,
    paging,
    records: recordsAt(checks, raw.records),
    rules,
    expand,
    mapping,
    fields: raw.fields,
    fingerprint: fingerprintOf(raw, kind),
  };
}

function named(raw: RawDefinition) {
  const { id, title, vendor, product, dataset, event, docs } = raw;
  const quotas = raw.quota === undefined ? [] : [raw.quota].flat();
  return { id, title, vendor, product, dataset, event, docs, baseUrl: raw.base_url, quotas };
}

function requestTerms(checks: Checks, options: OptionTypes, position: Position): RequestTerms {
  return {
    open: new Terms(checks, options, position),
    path: new Terms(checks, options, position),
    secret: new Terms(checks, options, { ...position, secrets: true }),
  };
}

/** The variables that paging gives to the request. */
function pagingVariables({ paging }: RawDefinition): Readonly<Record<string, string>> {
  const kind = pagingKind(paging);
  if (kind === 'offset') return { offset: 'int', size: 'int' };
  if (kind === 'page')
    return paging?.page?.size === undefined ? { page: 'int' } : { page: 'int', size: 'int' };
  return kind === 'keyset' ? { size: 'int' } : {};
}

function rulesOf(checks: Checks, raw: RawDefinition, format: TimeFormat): RecordRules {
  const split = raw.split !== undefined;
  const paths = (name: 'key' | 'compare') =>
    raw[name]?.map((text, index) => recordPath(checks, [name, index], { text, split }));
  const compare = paths('compare');
  return {
    split: raw.split === undefined ? undefined : steps(checks, ['split'], raw.split),
    key: paths('key'),
    compare: compare ?? ('snapshot' in raw.cursor ? 'content' : undefined),
    time: timeRule(checks, raw, format),
  };
}

function expandOf(
  checks: Checks,
  options: OptionTypes,
  raw: NonNullable<RawDefinition['expand']>,
): Expand | undefined {
  const terms = requestTerms(checks, options, { variables: { ids: 'list' } });
  const request = requestTemplate(checks, ['expand', 'request'], { raw: raw.request, terms });

  if (request !== undefined && !uses(request, 'ids')) checks.add(['expand', 'request'], 'it must use `ids`');
  const ids = steps(checks, ['expand', 'ids'], raw.ids);
  const key = steps(checks, ['expand', 'key'], raw.key);
  const records = recordsAt(checks, raw.records, ['expand', 'records']);
  return request && { ids, size: raw.size, request, records, key };
}

function throttleRules(checks: Checks, { throttled }: RawDefinition): readonly ThrottleRule[] {
  return throttled.map(({ status, header, equals, until }, index) => {
    const format =
      until && timeFormat(checks, ['throttled', index, 'until'], { as: until.as, zone: undefined });
    if (equals !== undefined && header === undefined)
      checks.add(['throttled', index, 'equals'], 'needs `header`');
    return {
      status,
      header: header?.toLowerCase(),
      equals: equals === undefined ? undefined : String(equals),
      until:
        until === undefined || format === undefined
          ? undefined
          : { header: until.header.toLowerCase(), format },
    };
  });
}
