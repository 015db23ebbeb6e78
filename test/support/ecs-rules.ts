import { isIP } from 'node:net';
import { EcsFlat } from '@elastic/ecs';
import type { EcsEvent, EcsValue } from '../../src/core/event.ts';
import { openNamespaces, ownFields } from './own-fields.ts';

/** What `@elastic/ecs` says of one field, as far as the rules need it. */
interface Field {
  readonly type: string;
  readonly normalize: readonly string[];
  readonly object_type?: string;
  readonly pattern?: string;
  readonly expected_values?: readonly string[];
  readonly allowed_values?: readonly {
    readonly name: string;
    readonly expected_event_types?: readonly string[];
  }[];
}

const FIELDS = EcsFlat as unknown as Readonly<Record<string, Field>>;

/** Fields that ECS does not define: the vendors' own, and ours. */
const OWN = await ownFields();

/** Begin the names of fields that declarative sources take over from their vendors, most as keywords. */
const OPEN = await openNamespaces();

function isOpen(name: string): boolean {
  return OPEN.some((namespace) => name.startsWith(namespace));
}

/** Every event has them. */
const REQUIRED = [
  '@timestamp',
  'ecs.version',
  'agent.type',
  'agent.version',
  'event.kind',
  'event.category',
  'event.type',
  'event.dataset',
  'event.module',
  'event.id',
  'event.created',
  'observer.vendor',
  'observer.product',
];

/** Every event of a source has them, so that 300 consoles can be distinguished. */
const OF_A_SOURCE = ['observer.name', 'observer.hostname'];

/** The test event is of no source. */
const TEST_DATASET = 'penstock.test';

/** What is wrong with an event: type, array, allowed values, category and type, addresses, undeclared fields; empty: nothing. */
export function ecsProblems(event: EcsEvent): string[] {
  return [
    ...missingFields(event),
    ...Object.entries(event).flatMap(([name, value]) => fieldProblems(name, value)),
    ...typeProblems(event),
    ...parentProblems(event),
    ...kindProblems(event),
  ];
}

function missingFields(event: EcsEvent): string[] {
  const required = event['event.dataset'] === TEST_DATASET ? REQUIRED : [...REQUIRED, ...OF_A_SOURCE];
  return required.filter((name) => !(name in event)).map((name) => `${name} is missing`);
}

function fieldProblems(name: string, value: EcsValue): string[] {
  if (/^labels\.[^.]+$/.test(name)) return typeof value === 'string' ? [] : [`${name} is no text`];
  const field = FIELDS[name];
  if (field === undefined) return ownProblems(name, value);
  if (field.type === 'object' || field.type === 'nested') return [`${name} is an object and takes no value`];
  const isArray = Array.isArray(value);
  if (field.normalize.includes('array') !== isArray) {
    return [isArray ? `${name} must be a single value` : `${name} must be an array`];
  }
  const values: readonly unknown[] = isArray ? value : [value];
  return values.flatMap((one) => valueProblems(name, field, one));
}

function ownProblems(name: string, value: EcsValue): string[] {
  const type = OWN[name];
  if (type === undefined && isOpen(name)) return [];
  if (type === undefined) return [`${name} is no field of ECS, and in no source's \`fields\``];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((one) => !hasType(type, one)).map((one) => `${name} is no ${type}: ${String(one)}`);
}

function valueProblems(name: string, field: Field, value: unknown): string[] {
  if (!hasType(field.type, value)) return [`${name} is no ${field.type}: ${String(value)}`];
  const allowed = field.allowed_values?.map((one) => one.name) ?? field.expected_values;
  if (allowed !== undefined && !allowed.includes(String(value)))
    return [`${name} may not be ${String(value)}`];
  if (field.pattern !== undefined && !new RegExp(field.pattern).test(String(value))) {
    return [`${name} does not match ${field.pattern}`];
  }
  return [];
}

const WHOLE = new Set(['long', 'integer', 'short', 'byte', 'unsigned_long']);
const REAL = new Set(['float', 'double', 'half_float', 'scaled_float']);
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

function hasType(type: string, value: unknown): boolean {
  // Beyond 2^53 a number is the nearest double, whole, and still fits: a long `event.duration`.
  if (WHOLE.has(type)) return Number.isInteger(value) && Math.abs(value as number) < 2 ** 63;
  if (REAL.has(type)) return typeof value === 'number' && Number.isFinite(value);
  if (type === 'boolean') return typeof value === 'boolean';
  if (typeof value !== 'string') return false;
  if (type === 'ip') return isIP(value) !== 0 && !value.includes('%');
  if (type === 'date') return ISO_TIME.test(value) && !Number.isNaN(Date.parse(value));
  return true;
}

/** Every `event.type` must be one that at least one of the categories expects. */
function typeProblems(event: EcsEvent): string[] {
  const categories = list(event['event.category']);
  const expected = new Set(
    FIELDS['event.category']?.allowed_values
      ?.filter(({ name }) => categories.includes(name))
      .flatMap(({ expected_event_types: types }) => types ?? []),
  );
  return list(event['event.type'])
    .filter((type) => !expected.has(type))
    .map((type) => `event.type ${type} does not go with event.category ${categories.join(', ')}`);
}

function list(value: EcsValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function parentProblems(event: EcsEvent): string[] {
  return Object.keys(event).flatMap((name) => {
    const steps = name.split('.');
    const parents = steps.slice(1).map((_, index) => steps.slice(0, index + 1).join('.'));
    return parents
      .filter((parent) => parent in event)
      .map((parent) => `${parent} has a value and the child ${name}`);
  });
}

/** `signal` is reserved; outcomes are for what can fail; an error needs its words. */
function kindProblems(event: EcsEvent): string[] {
  const kind = event['event.kind'];
  if (kind === 'signal') return ['event.kind signal is reserved'];
  if (kind === 'metric' && 'event.outcome' in event) return ['event.outcome is not for metrics'];
  if (kind === 'pipeline_error' && !('error.message' in event)) return ['error.message is missing'];
  return [];
}
