import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { nest } from '../../src/core/event.ts';
import {
  explain,
  ThrottledError,
  UnauthorisedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../src/core/errors.ts';
import { toJson } from '../../src/core/json.ts';
import type { Source } from '../../src/core/source.ts';
import type { SimulatedAnswer, Simulator } from '../../src/simulators/server.ts';
import { drive, failure, until } from '../http/support/rig.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { type TestPipeline, testPipeline } from '../support/test-pipeline.ts';
import {
  against,
  casesOf,
  exampleOf,
  fixturesOf,
  folderOf,
  harnessOf,
  sourcesUnderContract,
} from './examples.ts';

const sources = await sourcesUnderContract();

/** A lab against the source's simulator. */
async function simulated(
  source: Source,
): Promise<{ vendor: Simulator; clock: DrivenClock; lab: TestPipeline }> {
  const { config, now, start } = await harnessOf(source);
  const clock = new DrivenClock(now);
  const vendor = await start(clock);
  return { vendor, clock, lab: testPipeline({ source, vendor, clock, config }) };
}

const wholes = new Map<string, ReturnType<typeof recorded>>();

/** One complete poll of the source's simulator: made once for all tests that only look at it. */
function whole(source: Source): ReturnType<typeof recorded> {
  const made = wholes.get(source.id) ?? recorded(source);
  wholes.set(source.id, made);
  return made;
}

async function recorded(source: Source) {
  const { vendor, clock, lab } = await simulated(source);
  await using _ = vendor;
  const pages = await drive(clock, lab.once());
  return { pages, lab, now: clock.now() };
}

const keysOf = (lab: TestPipeline) => [...lab.events].map(({ event }) => event['event.id']);

/** `npm run test:system` asks for ten thousand. */
const MALFORMED_ANSWERS = Number(process.env['PENSTOCK_MALFORMED_ANSWERS'] ?? 40);

const isDefinition = (source: Source) => existsSync(new URL('../source.yaml', fixturesOf(source)));
const definitions = sources.filter(isDefinition);

/** One compiler reads all definitions, so they share the answers. */
function malformedAnswers(source: Source): number {
  return isDefinition(source) ? Math.ceil(MALFORMED_ANSWERS / definitions.length) : MALFORMED_ANSWERS;
}

describe.each(sources.map((source) => [source.id, source] as const))('%s', (id, source) => {
  it('a source is named as its folder, in kebab case', () => {
    expect(id).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    expect(readdirSync(new URL('../', folderOf(source)))).toContain(id);
    expect(source.dataset).toMatch(/^[a-z0-9_]+\.[a-z0-9_]+$/);
  });

  it('a source describes every option, marks its secrets, and has a JSON Schema', () => {
    const schema = z.toJSONSchema(source.options, { io: 'input' }) as JsonSchema;

    const options = propertiesOf(schema);
    expect(options.filter(([, { description }]) => description === undefined).map(([name]) => name)).toEqual(
      [],
    );
    const secrets = options.filter(([name]) => /(?:^|\.)(?:token|password|secret)$/.test(name));
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter(([, { writeOnly }]) => writeOnly !== true).map(([name]) => name)).toEqual([]);
  });

  it('a source has a README and examples', () => {
    expect(readFileSync(new URL('../README.md', fixturesOf(source)), 'utf8')).toMatch(/^# /);
    expect(casesOf(source).length).toBeGreaterThan(0);
  });

  it.each(casesOf(source))('the example %s becomes the events in the file beside it', async (name) => {
    const { answer } = await harnessOf(source);
    const example = exampleOf(source, name);
    const { vendor, clock, lab } = await against(source, (request) => answer(request, example));
    await using _ = vendor;

    await drive(clock, lab.once());

    const events = lab.events.map(({ event }) => nest(event));
    await expect(`${JSON.stringify(events, null, 2)}\n`).toMatchFileSnapshot(
      new URL(`${name}.ecs.json`, fixturesOf(source)).pathname,
    );
  });

  it('events keep the rules of ECS, and each has its own id', async () => {
    const { lab } = await whole(source);

    expect(lab.events.length).toBeGreaterThan(0);
    expect(lab.events.flatMap(({ event }) => ecsProblems(event))).toEqual([]);
    expect(new Set(lab.events.map(({ event }) => event['event.dataset']))).toEqual(new Set([source.dataset]));
    expect(new Set(lab.events.map(({ uid }) => uid)).size).toBe(lab.events.length);
  });

  it('a cursor comes back from JSON unchanged', async () => {
    const { pages } = await whole(source);

    expect(pages.length).toBeGreaterThan(1);
    for (const { cursor } of pages) {
      if (cursor === undefined) continue;
      const stored: unknown = JSON.parse(toJson(cursor));
      expect(JSON.parse(toJson(source.cursor.encode(source.cursor.decode(stored))))).toEqual(stored);
    }
  });

  it('nothing is lost or repeated when a process dies after any page', async () => {
    const { pages, lab: undisturbed } = await whole(source);
    const deaths = Array.from({ length: Math.min(pages.length, 8) }, (_, n) =>
      Math.floor((n * pages.length) / 8),
    );

    for (const diesAfter of new Set(deaths)) {
      const { vendor, clock, lab } = await simulated(source);
      await using _ = vendor;
      {
        await using process = lab.start();
        await drive(clock, process.poll({ diesAfter }));
      }
      await drive(clock, lab.once());

      const kept = new Set(keysOf(lab));
      expect(keysOf(undisturbed).filter((key) => !kept.has(key))).toEqual([]);
      expect(new Set(lab.events.map(({ uid }) => uid)).size).toBe(lab.events.length);
    }
  });

  it('a source requests nothing more while its next page is not taken', async () => {
    const { vendor, clock, lab } = await simulated(source);
    await using _ = vendor;
    await using process = lab.start();
    const scopes = source.streams(process.context)[Symbol.asyncIterator]();
    const scope = (await drive(clock, scopes.next())).value as { id: string };
    const pages = process.pages(scope)[Symbol.asyncIterator]();
    await drive(clock, pages.next());
    const asked = vendor.requests.length;

    for (let turns = 0; turns < 50; turns += 1) await turn();

    expect(vendor.requests).toHaveLength(asked);
    await pages.return?.(undefined);
  });

  it('a poll that is stopped during a request ends at once, with the reason', async () => {
    const { vendor, lab } = await against(source, () => ({ status: 200, fault: 'hang' }));
    await using _ = vendor;
    await using process = lab.start();
    const stopped = failure(process.poll());
    await until(() => vendor.requests.length > 0);

    process.abort(new Error('Enough.'));

    expect((await stopped).message).toBe('Enough.');
    expect(vendor.requests).toHaveLength(1);
  });

  it.each<[string, SimulatedAnswer, new (...args: never[]) => Error]>([
    ['401', { status: 401, body: { message: 'No.' } }, UnauthorisedError],
    ['429', { status: 429, headers: { 'retry-after': '7' } }, ThrottledError],
    ['503', { status: 503 }, UnavailableError],
    [
      'a login page',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
      UnavailableError,
    ],
    ['half of a JSON text', { status: 200, body: '[{"id":' }, UnexpectedAnswerError],
    ['another JSON', { status: 200, body: '"maintenance"' }, UnexpectedAnswerError],
  ])('a poll fails without showing a secret when every answer is %s', async (_, answer, type) => {
    const { secret, needsToken } = await harnessOf(source);
    const { vendor, clock, lab } = await against(source, () => answer);
    await using __ = vendor;

    const error = await failure(drive(clock, lab.once()));

    expect(error).toBeInstanceOf(needsToken === true && type === ThrottledError ? UnavailableError : type);
    const said = [explain(error), error.stack ?? '', toJson(lab.lines)].join('\n');
    for (const form of [secret, btoa(secret), encodeURIComponent(secret)]) expect(said).not.toContain(form);
    expect(lab.events).toEqual([]);
  });

  it('a rejected credential is sent once, whatever `retries` says', async () => {
    const { vendor, clock, lab } = await against(source, () => ({ status: 401 }));
    await using _ = vendor;

    await failure(drive(clock, lab.once({ retries: 5 })));

    expect(vendor.requests).toHaveLength(1);
  });

  it('mapping a record does not change it, and always has the same result', async () => {
    const { pages, now } = await whole(source);
    const mapping = {
      scope: { id: '' },
      observedAt: now,
      reason: 'new',
      previous: undefined,
      delta: 1,
    } as const;

    for (const { record } of pages.flatMap(({ observations }) => observations)) {
      const frozen = freeze(source.record.parse(record));

      expect(source.normalise(frozen, mapping)).toEqual(source.normalise(frozen, mapping));
    }
  });

  it.each([
    ['nested 3,000 deep', nested(3_000), nested(3_000), '3000 levels'],
    ['nested 100,000 deep', nested(100_000), nested(100_000), '100000 levels'],
    ['of 6 MiB', `{"long":"${'x'.repeat(6_291_456)}"}`, `{"long":"${'x'.repeat(65_527)}`, '6291467 bytes'],
  ])(
    'a record %s becomes a pipeline error, and all others become events',
    async (_, text, original, problem) => {
      const { answer, insert } = await harnessOf(source);
      const example = exampleOf(source, casesOf(source)[0] ?? '');
      const plain = await against(source, (request) => answer(request, example));
      await using __ = plain.vendor;
      await drive(plain.clock, plain.lab.once());
      const body = insert(example.body, ['a place for it']);
      const { vendor, clock, lab } = await against(source, (request) => {
        const answered = answer(request, { ...example, body });
        return { ...answered, body: toJson(answered.body).replace('"a place for it"', text) };
      });
      await using ___ = vendor;

      await drive(clock, lab.once());

      expect(lab.events).toHaveLength(plain.lab.events.length + 1);
      await drive(clock, lab.once());
      const malformed = lab.events.filter(({ event }) => event['event.kind'] === 'pipeline_error');
      expect(malformed).toHaveLength(1);
      expect(malformed[0]?.event['event.original'] === original).toBe(true);
      expect(malformed[0]?.event['error.message']).toContain(problem);
    },
  );

  it('a long answer is several pages, and each row is emitted once when a process dies between them', async () => {
    const { answer, insert } = await harnessOf(source);
    const example = exampleOf(source, casesOf(source)[0] ?? '');
    const rows = Array.from({ length: 2_500 }, (_, number) => ({ odd: number }));
    const body = insert(example.body, rows);
    const { vendor, clock, lab } = await against(source, (request) => answer(request, { ...example, body }));
    await using _ = vendor;
    {
      await using process = lab.start();
      await drive(clock, process.poll({ diesAfter: 1 }));
    }
    const before = lab.events.length;

    await drive(clock, lab.once());

    const odd = lab.events.filter(({ event }) => /^\{.*"odd":\d+\}+$/.test(String(event['event.original'])));
    expect(before).toBeLessThan(rows.length);
    expect(odd).toHaveLength(rows.length);
    expect(new Set(lab.events.map(({ uid }) => uid)).size).toBe(lab.events.length);
  });

  it('an answer is parsed a fixed number of times, however many of its rows are malformed', async () => {
    const { answer, insert } = await harnessOf(source);
    const example = exampleOf(source, casesOf(source)[0] ?? '');
    const parsedTimes = async (count: number) => {
      const rows = Array.from({ length: count }, (_, number) => ({ odd: number, more: 'x'.repeat(200) }));
      const body = insert(example.body, rows);
      const { vendor, clock, lab } = await against(source, (request) =>
        answer(request, { ...example, body }),
      );
      await using _ = vendor;
      let parsed = 0;
      const parse = vi.spyOn(JSON, 'parse');
      await drive(clock, lab.once());
      for (const [text] of parse.mock.calls) parsed += text.length;
      parse.mockRestore();
      return parsed / toJson(body).length;
    };

    const few = await parsedTimes(250);
    const many = await parsedTimes(2_000);

    expect(few).toBeGreaterThan(0);
    expect(many / few).toBeLessThan(2);
  });

  it('every record is emitted, whatever the vendor sends in its place', { timeout: 1_200_000 }, async () => {
    const { answer, insert, malformed } = await harnessOf(source);
    const example = exampleOf(source);
    const plain = await against(source, (request) => answer(request, example));
    await using __ = plain.vendor;
    await drive(plain.clock, plain.lab.once());

    await fc.assert(
      fc.asyncProperty(fc.array(malformed, { maxLength: 20 }), async (records) => {
        const body = insert(example.body, records);
        const { vendor, clock, lab } = await against(source, (request) =>
          answer(request, { ...example, body }),
        );
        await using _ = vendor;

        await drive(clock, lab.once());

        expect(lab.events.length - plain.lab.events.length).toBe(records.length);
        expect(lab.events.flatMap(({ event }) => ecsProblems(event))).toEqual([]);
      }),
      { numRuns: malformedAnswers(source) },
    );
  });
});

/** Nested arrays and objects, so deep. */
function nested(depth: number): string {
  return `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
}

interface JsonSchema {
  readonly description?: string;
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

/** All properties, nested ones by their dotted path. */
function propertiesOf(schema: JsonSchema, prefix = ''): (readonly [string, JsonSchema])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
    [prefix + name, property] as const,
    ...propertiesOf(property, `${prefix}${name}.`),
  ]);
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}
