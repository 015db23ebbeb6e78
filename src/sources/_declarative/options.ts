import * as z from 'zod';
import { duration, httpUrl, password, sourceOptions } from '../../config/options.ts';
import { filePath } from '../../config/fields.ts';
import type { CommonOptions } from '../../core/source.ts';
import { membersUsed } from '../../core/cel/expression.ts';
import type { AuthForm } from './auth.ts';
import type { Definition } from './definition.ts';
import type { RawOption } from './schema.ts';
import { optionsUsed } from './request.ts';

/** The options of a definition's sources: the common ones, those of its cursor and its own. */
export function optionsOf(definition: Definition): z.ZodType<CommonOptions> {
  const { auth, baseUrl, cursor, options } = definition;
  const own = Object.entries(options).map(([name, option]) => [name, fieldOf(name, option)] as const);
  const names = [...auth.forms.keys()];
  const [first = ''] = names;
  const schema = sourceOptions(
    {
      ...(baseUrl !== undefined && {
        base_url: httpUrl().prefault(baseUrl).describe('URL of the vendor’s API.'),
      }),
      ...(auth.isChoice && {
        auth: z
          .enum(names as [string, ...string[]])
          .default(first)
          .describe('How requests are authenticated.'),
      }),
      ...(cursor.kind === 'window' && windowFields(cursor.defaults)),
      ...Object.fromEntries(own),
    },
    { tokenRequired: false },
  );
  return neededOptions(definition).reduce<z.ZodType>(
    (checked, name) =>
      checked.refine((value) => !isMissing(definition, value, name), {
        path: [name],
        error:
          name === 'token'
            ? 'set `token`, or `token_file` to the path of a file that holds it'
            : 'the chosen authentication needs it',
        when: () => true,
      }),
    schema,
  ) as z.ZodType<CommonOptions>;
}

function windowFields(
  defaults: Readonly<Record<'settle' | 'overlap' | 'initial_lookback' | 'slice', number>>,
) {
  return {
    settle: duration(durationText(defaults.settle)).describe('How late records may appear at the vendor.'),
    overlap: duration(durationText(defaults.overlap)).describe('What each poll reads again.'),
    initial_lookback: duration(durationText(defaults.initial_lookback)).describe(
      'How far back the first poll begins.',
    ),
    slice: duration(durationText(defaults.slice), { from: '1s' }).describe(
      'The longest span that is asked for at once.',
    ),
  };
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A duration as an operator would write it. */
export function durationText(ms: number): string {
  const [unit, length] = UNITS.find(([, one]) => ms % one === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}

const LIST = 'expected a list of texts';

/** The schema of an option. */
export function fieldOf(name: string, option: RawOption): z.ZodType {
  const field = described(name, option, typed(option));
  if (option.default !== undefined) return field.prefault(option.default as never);
  return option.required ? field : field.optional();
}

function typed({ type, values = [''], min, max }: RawOption): z.ZodType {
  switch (type) {
    case 'string':
      return z.string('expected text (quote it if it looks like a number)').min(1, 'must not be empty');
    case 'integer':
      return z
        .int()
        .min(min ?? Number.MIN_SAFE_INTEGER)
        .max(max ?? Number.MAX_SAFE_INTEGER);
    case 'boolean':
      return z.boolean();
    case 'duration':
      return duration();
    case 'enum':
      return z.enum(values as [string, ...string[]]);
    case 'list':
      return z.array(z.string(LIST).min(1, 'must not be empty'), LIST).min(1, 'must not be empty');
    case 'secret':
      return password();
    case 'file':
      return filePath();
    default:
      return type satisfies never;
  }
}

function described(name: string, { description }: RawOption, field: z.ZodType): z.ZodType {
  return field.describe(description ?? `The option \`${name}\` of the definition.`);
}

/** The form of authentication that a source uses; undefined: none. */
export function chosenForm({ auth }: Pick<Definition, 'auth'>, options: object): AuthForm | undefined {
  const chosen: unknown = Reflect.get(options, 'auth');
  return auth.isChoice ? auth.forms.get(String(chosen)) : auth.forms.get('');
}

/** The options that a source may need, depending on its authentication: secrets, client ids, files of keys. */
function neededOptions({ optionTypes, options, auth }: Definition): readonly string[] {
  const secrets = [...optionTypes].filter(([, type]) => type === 'secret').map(([name]) => name);
  const others = [...auth.forms.values()].flatMap(clientOptions);
  return [...new Set([...secrets, ...others])].filter((name) => options[name]?.required !== true);
}

/** The options without which OAuth 2 has no client: those in its id, and the file of its key. */
function clientOptions({ oauth2 }: AuthForm): readonly string[] {
  const { client, assertion } = oauth2 ?? {};
  const inId = client?.id.expressions.flatMap(({ ast }) => membersUsed(ast, 'options')) ?? [];
  const keys = [client !== undefined && 'key' in client ? client.key : undefined, assertion?.key];
  return [...inId, ...keys.map((key) => key?.file)].filter((name) => name !== undefined);
}

/** Whether an option that requests of this source need is not set. */
function isMissing(definition: Definition, options: unknown, name: string): boolean {
  if (typeof options !== 'object' || options === null) return false;
  if (Reflect.get(options, name) !== undefined) return false;
  // A `token_file` is read before the options are checked.
  if (name === 'token' && Reflect.get(options, 'token_file') !== undefined) return false;
  const [first] = definition.auth.forms.keys();
  const form = chosenForm(definition, { auth: first, ...options });
  if (form !== undefined && clientOptions(form).includes(name)) return true;
  const isSecret = definition.optionTypes.get(name) === 'secret';
  return isSecret && (form?.options.has(name) === true || optionsSent(definition).has(name));
}

/** The options that the requests for records, for what follows a position, and for details use. */
export function optionsSent({
  request,
  cursor,
  expand,
  optionTypes,
}: Pick<Definition, 'request' | 'cursor' | 'expand' | 'optionTypes'>): ReadonlySet<string> {
  const requests = [
    request,
    ...(cursor.kind === 'position' ? [cursor.request] : []),
    ...(expand === undefined ? [] : [expand.request]),
  ];
  return optionsUsed(requests, optionTypes);
}
