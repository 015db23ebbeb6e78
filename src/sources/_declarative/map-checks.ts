import type { ASTNode } from '@marcbachmann/cel-js';
import type { FieldTable } from '../../core/event.ts';
import { didYouMean, type Path } from '../../config/problems.ts';
import { ecsField, ecsNames, eventTypesOf } from '../../ecs/fields.ts';
import type { Checks } from './checks.ts';
import { converted, type Target } from './ecs-values.ts';
import type { MappedField, Mapping, Origin } from './mapping.ts';
import { parsePath } from './path.ts';
import type { RawAs, RawDefinition, RawMapped } from './schema.ts';
import { type OptionTypes, Terms } from './terms.ts';
import { pathsOf } from './rest.ts';
import { isZone, type TimeFormat } from './time.ts';

/** Fields that follow from other keys of a definition, or from the pipeline. */
const FIXED = new Map([
  ['event.dataset', 'it is `dataset`'],
  ['event.module', 'it is the part of `dataset` before the dot'],
  ['ecs.version', 'Penstock sets it'],
  ['agent.type', 'Penstock sets it'],
  ['agent.version', 'Penstock sets it'],
]);

/** What checking `map` needs. */
export interface MapParts {
  readonly checks: Checks;
  readonly terms: Terms;
  readonly dataset: string;
  readonly fields: FieldTable;
  readonly split: boolean;
  /** How times are written where a field does not say so. */
  readonly format: TimeFormat;
}

/** Checks `map`, `rest` and `fields`. What is wrong was reported. */
export function mappingOf(
  checks: Checks,
  options: OptionTypes,
  { raw, format }: { readonly raw: RawDefinition; readonly format: TimeFormat },
): Mapping {
  const split = raw.split !== undefined;
  const variables = { record: 'dyn', change: 'string', ...(split && { item: 'dyn' }) };
  const terms = new Terms(checks, options, { variables, options: false });
  const { dataset, fields } = raw;
  const namespace = `${dataset.split('.')[0]}.`;
  if (ecsNames().some((name) => name.startsWith(namespace)))
    checks.add(
      ['dataset'],
      `\`${namespace.slice(0, -1)}\` is a field set of ECS; begin with the vendor's name`,
    );
  for (const name of Object.keys(fields))
    if (!name.startsWith(namespace))
      checks.addKey(
        ['fields', name],
        `expected a field of the vendor's own, which begins with \`${namespace}\``,
      );
  const parts = { checks, terms, dataset, fields, split, format };
  const mapped = Object.entries(raw.map).flatMap(([name, one]) => mappedField(parts, name, one) ?? []);
  checkEvent(checks, raw, mapped);
  const named = (of: 'record' | 'item') =>
    mapped.flatMap(({ origin }) => ('steps' in origin && origin.of === of ? [origin.steps] : []));
  const list = raw.split === undefined ? undefined : parsePath(raw.split);
  const own = list === undefined || 'message' in list ? [] : [list];
  const byPath = mapped.flatMap(({ name, origin }) => ('steps' in origin ? [name] : []));
  const rest = {
    dataset,
    fields,
    format,
    except: pathsOf([...named('record'), ...own]),
    named: new Set(byPath),
  };
  return {
    fields: mapped,
    namespace,
    objects: parentsOf(mapped.map(({ name }) => name).filter((name) => name.startsWith(namespace))),
    rest: raw.rest === 'drop' ? undefined : rest,
    restOfItem:
      raw.rest === 'drop' || !split
        ? undefined
        : { ...rest, dataset: `${dataset}.item`, except: pathsOf(named('item')) },
  };
}

/** The names above these: `a.b` and `a` of `a.b.c`. */
function parentsOf(names: readonly string[]): readonly string[] {
  const parents = names.flatMap((name) =>
    name.split('.').map((_, index, steps) => steps.slice(0, index).join('.')),
  );
  return [...new Set(parents)].filter((name) => name !== '');
}

/** Checks one line of `map`; undefined after its mistakes were reported. */
export function mappedField(parts: MapParts, name: string, raw: RawMapped): MappedField | undefined {
  const path = ['map', name];
  const target = targetOf(parts, name);
  const written = typeof raw === 'string' ? { path: raw } : raw;
  const origin = originOf(parts, path, written);
  const when =
    'when' in written && written.when !== undefined
      ? parts.terms.typed([...path, 'when'], written.when, 'bool')
      : undefined;
  const format = formatOf(parts, path, written);
  if (target === undefined || origin === undefined || format === undefined) return undefined;
  checkValues(
    parts.checks,
    typeof raw === 'string' ? path : [...path, 'constant' in origin ? 'value' : 'cel'],
    { origin, target, format },
  );
  return { name, origin, when, target, format };
}

function targetOf({ checks, dataset, fields }: MapParts, name: string): Target | undefined {
  const path = ['map', name];
  const fixed = FIXED.get(name);
  if (fixed !== undefined) {
    checks.addKey(path, `must not be mapped: ${fixed}`);
    return undefined;
  }
  const field = ecsField(name);
  if (field !== undefined && !/^(?:object|nested|flattened)$/.test(field.type)) return field;
  const [namespace = ''] = dataset.split('.');
  if (field === undefined && name.startsWith(`${namespace}.`))
    return { type: fields[name] ?? 'keyword', array: false };
  const problem =
    field === undefined
      ? `ECS has no field \`${name}\`, and one of the vendor's own begins with \`${namespace}.\`${didYouMean(name, ecsNames(), '`')}`
      : `the ECS field \`${name}\` is an object and takes no value`;
  checks.addKey(path, problem);
  return undefined;
}

type Written = Exclude<RawMapped, string>;

function originOf({ checks, terms, split }: MapParts, path: Path, written: Written): Origin | undefined {
  const given = (['path', 'value', 'cel'] as const).filter((key) => written[key] !== undefined);
  if (given.length !== 1) {
    checks.add(path, 'expected exactly one of `path`, `value` and `cel`');
    return undefined;
  }
  if (written.value !== undefined) return { constant: written.value };
  if (written.cel !== undefined) {
    const cel = terms.expression([...path, 'cel'], written.cel);
    return cel && { cel };
  }
  const text = written.path ?? '';
  const steps = parsePath(text);
  if ('message' in steps) {
    checks.add(path, steps.message, steps.at);
    return undefined;
  }
  return split && steps[0] === 'item'
    ? { steps: steps.slice(1), of: 'item', text }
    : { steps, of: 'record', text };
}

function formatOf({ checks, format }: MapParts, path: Path, { as, zone }: Written): TimeFormat | undefined {
  if (as === undefined && zone === undefined) return format;
  return timeFormat(checks, path, { as: as ?? 'iso', zone });
}

/** `as` with its zone; undefined after a mistake was reported. */
export function timeFormat(
  checks: Checks,
  path: Path,
  { as, zone }: { readonly as: RawAs; readonly zone: string | undefined },
): TimeFormat | undefined {
  const name = zone ?? (typeof as === 'object' ? as.zone : undefined);
  if (name !== undefined && !isZone(name)) {
    checks.add(
      zone === undefined ? [...path, 'as', 'zone'] : [...path, 'zone'],
      `expected an IANA time zone such as UTC or Europe/Berlin (got ${name})`,
    );
    return undefined;
  }
  if (typeof as === 'string') return { kind: as, zone: name };
  if (name === undefined) {
    checks.add([...path, 'as'], 'a format needs `zone`, such as UTC');
    return undefined;
  }
  return { kind: 'format', pattern: as.format, zone: name };
}

/** Checks what is known of a field's values: constants, and the texts that an expression can give. */
function checkValues(
  checks: Checks,
  path: Path,
  { origin, target, format }: Pick<MappedField, 'origin' | 'target' | 'format'>,
): void {
  if ('constant' in origin) {
    if (Array.isArray(origin.constant) && !target.array)
      checks.add(path, 'expected a single value, not a list');
    for (const problem of converted(origin.constant, target, format).problems) checks.add(path, problem);
  } else if ('cel' in origin) {
    const { type, ast } = origin.cel;
    if (/^(?:optional<)?list/.test(type) && !target.array)
      checks.add(path, 'expected a single value, not a list', 0);
    if (/^(?:optional<)?(?:map|bytes|type)/.test(type)) checks.add(path, `a field takes no ${type}`, 0);
    for (const { text, at } of textsOf(ast))
      for (const problem of converted(text, target, format).problems) checks.add(path, problem, at);
  }
}

/** The texts that are results of an expression as they are written in it. */
export function textsOf(ast: ASTNode): readonly { readonly text: string; readonly at: number }[] {
  const { op, args } = ast;
  if (op === 'value') return typeof args === 'string' ? [{ text: args, at: ast.start }] : [];
  if (op === '?:') return [...textsOf(args[1]), ...textsOf(args[2])];
  if (op === 'list') return args.flatMap((one) => textsOf(one));
  if (op === 'map') return args.flatMap(([, value]) => textsOf(value));
  if (op === '[?]' || op === '[]') return textsOf(args[0]);
  if (op === 'rcall' && /^(?:orValue|or|of)$/.test(args[0]))
    return [...textsOf(args[1]), ...args[2].flatMap((one) => textsOf(one))];
  return [];
}

/** Checks the defaults of `event`, and that every type goes with a category that an event can have. */
export function checkEvent(
  checks: Checks,
  { event }: Pick<RawDefinition, 'event'>,
  mapped: readonly MappedField[],
): void {
  for (const name of ['category', 'type'] as const) {
    const allowed = ecsField(`event.${name}`)?.allowed ?? [];
    for (const [index, value] of event[name].entries())
      if (!allowed.includes(value))
        checks.add(
          ['event', name, index],
          `ECS does not allow \`${value}\`${didYouMean(value, allowed, '`')}`,
        );
  }
  const possible = (field: string, defaults: readonly string[]): readonly string[] => {
    const origin = mapped.find(({ name }) => name === field)?.origin;
    if (origin === undefined) return defaults;
    if ('constant' in origin) return [origin.constant].flat().map(String);
    return 'cel' in origin ? [...defaults, ...textsOf(origin.cel.ast).map(({ text }) => text)] : [];
  };
  const categories = possible('event.category', event.category);
  if (categories.length === 0) return;
  const expected = new Set(categories.flatMap((category) => eventTypesOf(category)));
  const isDefault = !mapped.some(({ name }) => name === 'event.type');
  for (const type of new Set(possible('event.type', event.type)))
    if (!expected.has(type))
      checks.add(
        isDefault ? ['event', 'type'] : ['map', 'event.type'],
        `\`${type}\` does not go with the category ${categories.join(', ')}`,
      );
}
