import * as z from 'zod';
import { findings } from '../../config/schema-errors.ts';
import { valueAt } from '../../config/tree.ts';
import type { SourceFile } from '../../config/yaml.ts';
import type { CommonOptions } from '../../core/source.ts';
import { Checks } from './checks.ts';
import type { Definition } from './definition.ts';
import { sourceOf } from './source-of.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()], 'expected text, a number, true or false');

const exchange = z.strictObject({
  request: z
    .strictObject({
      method: z.string().optional(),
      path: z.string().optional(),
      query: z.record(z.string(), z.union([scalar, z.array(scalar)])).optional(),
      headers: z.record(z.string(), scalar).optional(),
      body: z.unknown().optional(),
    })
    .default({}),
  response: z.strictObject({
    status: z.int().min(200).max(599).default(200),
    headers: z.record(z.string(), scalar).default({}),
    body: z.unknown().optional(),
  }),
});

/** A request that is expected, and the response to it. Members of the request that are absent are not compared. */
export type Exchange = z.output<typeof exchange>;

const now = z.iso
  .datetime({ offset: true, error: 'expected a time such as 2026-03-02T12:00:00Z' })
  .transform((text) => Date.parse(text));

const poll = z.strictObject({ now, exchanges: z.array(exchange) });

const schema = z.strictObject({
  description: z.string().optional(),
  options: z.record(z.string(), z.unknown()).default({}),
  now: now.optional(),
  exchanges: z.array(exchange).optional(),
  polls: z.array(poll).optional(),
  partial: z.boolean().default(false),
  events: z
    .array(z.record(z.string(), z.union([scalar, z.array(scalar)])))
    .nullable()
    .optional(),
});

/** A poll of a fixture. */
export interface FixturePoll {
  /** Where its exchanges are in the file. */
  readonly at: string;
  /** The clock of both sides, epoch ms. */
  readonly now: number;
  readonly exchanges: readonly Exchange[];
}

/** What a vendor answers, and the events that a definition makes of it. */
export interface Fixture {
  readonly options: CommonOptions;
  readonly polls: readonly FixturePoll[];
  /** The vendor had more: what is asked after the last exchange is no difference. */
  readonly partial: boolean;
  /** Undefined: not written yet. */
  readonly events: readonly Readonly<Record<string, unknown>>[] | undefined;
}

/** `base_url` of a fixture whose definition has none, and that names none. */
export const ORIGIN = 'https://vendor.example.com';

/** The token of a fixture that names none. */
export const TOKEN = 'token-of-the-fixture';

/**
 * Reads and checks a fixture. `fileAt`: the path of a file that an option of type `file` names.
 * @throws ConfigError with everything that is wrong, one line each: `file:line:column key: what is wrong`
 */
export function readFixture(
  file: SourceFile,
  definition: Definition,
  fileAt: (path: string) => string,
): Fixture {
  const checks = Checks.of(file);
  const raw = checks.read(schema);
  if (raw === undefined) checks.throwIfAny();
  const { options = {}, events, partial = false, ...times } = raw ?? {};
  const polls = pollsOf(checks, times);
  const checked = optionsOf(checks, definition, withPaths(definition, options, fileAt));
  checks.throwIfAny();
  if (checked === undefined) throw new Error(`No mistake was found in ${file.file}, yet it cannot be used.`);
  return { options: checked, polls, partial, events: events ?? undefined };
}

function pollsOf(
  checks: Checks,
  { now, exchanges, polls }: Partial<Pick<z.output<typeof schema>, 'now' | 'exchanges' | 'polls'>>,
): readonly FixturePoll[] {
  if (polls !== undefined) {
    if (now !== undefined || exchanges !== undefined)
      checks.addKey(['polls'], 'replaces `now` and `exchanges`; remove those');
    return polls.map((one, index) => ({ at: `polls[${index}].exchanges`, ...one }));
  }
  if (now === undefined || exchanges === undefined) {
    // One that is written was left out because it is wrong, which was reported.
    const isMissing =
      (now ?? checks.value['now']) === undefined || (exchanges ?? checks.value['exchanges']) === undefined;
    if (isMissing) checks.add([], 'needs `now` and `exchanges`, or `polls`');
    return [];
  }
  return [{ at: 'exchanges', now, exchanges }];
}

function withPaths(
  { optionTypes }: Definition,
  options: Readonly<Record<string, unknown>>,
  fileAt: (path: string) => string,
): Record<string, unknown> {
  const entries = Object.entries(options).map(([name, value]) => [
    name,
    optionTypes.get(name) === 'file' && typeof value === 'string' ? fileAt(value) : value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function optionsOf(
  checks: Checks,
  definition: Definition,
  given: Readonly<Record<string, unknown>>,
): CommonOptions | undefined {
  const block = {
    type: definition.id,
    base_url: definition.baseUrl ?? ORIGIN,
    token: TOKEN,
    ...given,
  };
  const { options } = sourceOf(definition);
  const result = options.safeParse(block);
  for (const { path, atKey, message } of findings(result.error?.issues ?? [], options)) {
    const isMissing = !atKey && valueAt(block, path) === undefined;
    if (atKey || isMissing) checks.addKey(['options', ...path], isMissing ? `missing; ${message}` : message);
    else checks.add(['options', ...path], message);
  }
  return result.data;
}
