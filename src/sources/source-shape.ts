import type { Source } from '../core/source.ts';

type Member = readonly [expected: string, test: (value: unknown) => boolean];

const TEXT: Member = ['a text', (value) => typeof value === 'string' && value !== ''];
const MAP: Member = ['an object', (value) => typeof value === 'object' && value !== null];
const FUNCTION: Member = ['a function', (value) => typeof value === 'function'];
const SCHEMA: Member = [
  'a zod schema',
  (value) => typeof value === 'object' && value !== null && '_zod' in value && 'safeParse' in value,
];
const STREAMS = ['append-only', 'mutable', 'counter'];

/** What every source has. */
const MEMBERS = {
  id: TEXT,
  title: TEXT,
  vendor: TEXT,
  product: TEXT,
  dataset: TEXT,
  categorisation: MAP,
  fields: MAP,
  stream: [`one of ${STREAMS.join(', ')}`, (value) => STREAMS.includes(String(value))],
  canReread: ['true or false', (value) => typeof value === 'boolean'],
  options: SCHEMA,
  cursor: SCHEMA,
  record: SCHEMA,
  quotas: FUNCTION,
  authorise: FUNCTION,
  streams: FUNCTION,
  poll: FUNCTION,
  normalise: FUNCTION,
} as const satisfies Partial<Record<keyof Source, Member>>;

/** Why a value from outside is no source, as far as its members show; undefined if it is one. */
export function whyNoSource(value: unknown): string | undefined {
  if (value === undefined) return 'there is no default export';
  if (typeof value !== 'object' || value === null) return `the default export is a ${typeof value}`;
  const wrong = Object.entries<Member>(MEMBERS).filter(
    ([name, [, test]]) => !test(Reflect.get(value, name) as unknown),
  );
  if (wrong.length === 0) return undefined;
  return `expected ${wrong.map(([name, [expected]]) => `\`${name}\`: ${expected}`).join(', ')}`;
}
