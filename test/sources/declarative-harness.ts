import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'yaml';
import { serve } from '../../src/simulators/server.ts';
import type { Definition } from '../../src/sources/_declarative/definition.ts';
import { parseDefinition } from '../../src/sources/_declarative/parse.ts';
import { replacedAt, type Steps, valueAt } from '../../src/sources/_declarative/path.ts';
import type { SeenRequest } from '../../src/sources/_declarative/simulated-request.ts';
import { variantOf } from '../../src/sources/_declarative/sample-records.ts';
import { SimulatedVendor } from '../../src/sources/_declarative/simulated-vendor.ts';
import type { SourceHarness } from './harness.ts';

/** Records of the simulated vendor, and the most in one of its pages. */
const [RECORDS, PAGE] = [100, 40];

/** The types that take any text. */
const TEXTS = new Set(['keyword', 'constant_keyword', 'wildcard', 'text', 'match_only_text']);

/** What the contract must know of a declarative source: all of it follows from its `source.yaml` and its fixtures. */
export function declarativeHarness(folder: URL, now: string): SourceHarness {
  const definition = definitionIn(folder);
  const { records, rules } = definition;
  const secret = `secret-of-${definition.id}`;
  const list = (body: unknown) => (valueAt(body, records.steps) ?? []) as unknown[];
  const time = rules.time?.path.steps;
  return {
    config: configOf(definition, secret),
    secret,
    needsToken: [...definition.auth.forms.values()][0]?.oauth2 !== undefined,
    now,
    start: (clock) => {
      const vendor = new SimulatedVendor(definition, { now: () => clock.now(), cap: PAGE });
      const example = list(sampleOf(folder))[0];
      for (let number = 0; number < RECORDS; number += 1)
        vendor.add(
          variantOf(definition, example, { number, at: clock.now() - (2 * RECORDS - number) * 60_000 }),
          0,
        );
      return serve((request) => vendor.answer(request), { clock });
    },
    answer: (request, { body }) => {
      const vendor = new SimulatedVendor(definition, { now: () => 0 });
      if (followsOn(definition, request)) return vendor.answer(request);
      return vendor.credential(request) ?? { status: 200, body };
    },
    insert: (body, inserted) => replacedAt(body, records.steps, [...list(body), ...inserted]),
    malformed: fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.record({ [String(rules.key?.[0]?.steps[0] ?? time?.[0] ?? 'id')]: fc.constantFrom('', null) }),
    ),
    odd: definition.mapping.fields.flatMap(({ name, origin, target }) => {
      const isRequired =
        'steps' in origin &&
        isPrefix(origin.steps, [...(rules.key ?? []).map(({ steps }) => steps), time ?? []]);
      if (!('steps' in origin) || origin.of !== 'record' || isRequired || name.endsWith('.ip')) return [];
      if (isRead(definition, origin.text)) return [];
      return [
        [[...records.steps, 0, ...origin.steps], ...(TEXTS.has(target.type) ? [{}] : ['odd', {}])] as const,
      ];
    }),
    lists: records.nullIsEmpty ? { main: records.steps } : {},
  };
}

/** The answer from which the simulated vendor's records are made. */
function sampleOf(folder: URL): unknown {
  const fixtures = new URL('fixtures/', folder);
  const answers = readdirSync(fixtures).filter((name) => /^(?:events\.json|pages\.yaml)$/.test(name));
  const file = new URL(answers[0] ?? 'pages.yaml', fixtures);
  return file.pathname.endsWith('.yaml')
    ? answerOf(folder, file)
    : (JSON.parse(readFileSync(file, 'utf8')) as unknown);
}

interface RawPoll {
  readonly exchanges?: readonly { readonly response: { readonly body?: unknown } }[];
}

/** The last answer of a fixture that has records, with those of all its answers: one that nothing follows. */
export function answerOf(folder: URL, fixture: URL): unknown {
  const { records } = definitionIn(folder);
  const raw = parse(readFileSync(fixture, 'utf8')) as RawPoll & { readonly polls?: readonly RawPoll[] };
  const exchanges = (raw.polls ?? [raw]).flatMap((poll) => poll.exchanges ?? []);
  const answers = exchanges.map(({ response }) => response.body);
  const lists = answers.map((body) => valueAt(body, records.steps)).filter((list) => Array.isArray(list));
  return replacedAt(answers.at(-1), records.steps, lists.flat());
}

function definitionIn(folder: URL): Definition {
  const file = new URL('source.yaml', folder);
  return parseDefinition({ file: file.pathname, text: readFileSync(file, 'utf8') });
}

/** Its secrets, and a value for each required option. */
function configOf({ optionTypes, options }: Definition, secret: string): Record<string, unknown> {
  const values: Readonly<Record<string, unknown>> = {
    string: 'sample',
    integer: 1,
    boolean: true,
    duration: '1m',
    list: ['sample'],
  };
  const required = Object.entries(options).filter(([, { required: isRequired }]) => isRequired);
  const secrets = [...optionTypes].filter(([, type]) => type === 'secret').map(([name]) => [name, secret]);
  return {
    ...Object.fromEntries(
      required.map(([name, { type, values: words }]) => [name, values[type] ?? words?.[0]]),
    ),
    ...(Object.fromEntries(secrets) as object),
  };
}

/** Whether an expression of a definition reads a path: an odd value there changes more than one field. */
function isRead({ mapping }: Definition, path: string): boolean {
  const texts = mapping.fields.flatMap(({ origin, when }) => [
    ...('cel' in origin ? [origin.cel.text] : []),
    ...(when === undefined ? [] : [when.text]),
  ]);
  return texts.some((text) => `${text.replaceAll('.?', '.')} `.includes(`record.${path}`));
}

/** Whether a request asks for what follows another answer. */
function followsOn({ cursor, paging }: Definition, request: SeenRequest): boolean {
  const text = `${request.query.toString()} ${request.body.toString('utf8')}`;
  if (paging.kind === 'next_token' && paging.at !== undefined && 'query' in paging.at)
    return request.query.has(paging.at.query);
  if (paging.kind === 'offset' || paging.kind === 'page') return !/(?:^|[^0-9])[01](?:[^0-9]|$)/.test(text);
  return cursor.kind === 'position' && /\bp\d/.test(text);
}

function isPrefix(steps: Steps, others: readonly Steps[]): boolean {
  return others.some((other) => steps.every((step, index) => other[index] === step));
}
