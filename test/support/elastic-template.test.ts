import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { componentTemplate } from './elastic-template.ts';
import { openNamespaces, ownFields } from './own-fields.ts';

interface Mapping {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Mapping>>;
}

const { template } = componentTemplate(await ownFields()) as { template: { mappings: Mapping } };
/** Fields that a declarative source takes over: the dynamic template makes each a keyword. */
const open = await openNamespaces();
const goldens = globSync('src/sources/*/fixtures/*.ecs.json');

function typeOf(name: string): string | undefined {
  return name
    .split('.')
    .reduce<Mapping | undefined>((node, step) => node?.properties?.[step], template.mappings)?.type;
}

/** Dotted names of all values of a document. */
function namesOf(node: unknown, prefix = ''): string[] {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return [prefix];
  return Object.entries(node).flatMap(([name, child]) =>
    namesOf(child, prefix === '' ? name : `${prefix}.${name}`),
  );
}

function valueOf(event: unknown, name: string): unknown {
  return name
    .split('.')
    .reduce<unknown>((node, step) => (node as Record<string, unknown> | undefined)?.[step], event);
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

describe('the component template', () => {
  it.each(goldens)('types every field of %s by its name', (file) => {
    const events = JSON.parse(readFileSync(file, 'utf8')) as unknown[];

    const names = new Set(events.flatMap((event) => namesOf(event)));

    expect(events.length).toBeGreaterThan(0);
    const untyped = [...names].filter((name) => typeOf(name) === undefined && !name.startsWith('labels.'));
    expect(untyped.filter((name) => !open.some((namespace) => name.startsWith(namespace)))).toEqual([]);
    const notText = untyped.filter((name) =>
      events.some((event) => ![valueOf(event, name)].flat().every((value) => isText(value))),
    );
    expect(notText).toEqual([]);
  });

  it.each([
    ['source.ip', 'ip'],
    ['event.created', 'date'],
    ['event.duration', 'long'],
    ['event.outcome', 'keyword'],
    ['message', 'match_only_text'],
    ['source.geo.location', 'geo_point'],
    ['petra.incident.dwell_time_minutes', 'double'],
    ['petra.failed_attacks.delta', 'long'],
    ['botbye.declined_requests.final', 'boolean'],
    ['penstock.gap.from', 'date'],
    ['log.record.uid', 'keyword'],
    ['elastic.mapping.mode', 'keyword'],
    ['service.namespace', 'keyword'],
  ])('types %s as %s', (name, type) => {
    expect(typeOf(name)).toBe(type);
  });
});
