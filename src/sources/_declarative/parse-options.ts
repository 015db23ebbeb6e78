import { didYouMean, type Path } from '../../config/problems.ts';
import type { AuthForms } from './auth.ts';
import type { Checks } from './checks.ts';
import type { Expand } from './definition.ts';
import { fieldOf } from './options.ts';
import { expressionsOf, type RequestTemplate, type RequestTerms } from './request.ts';
import type { RawDefinition } from './schema.ts';
import type { Template } from './template.ts';
import type { OptionTypes } from './terms.ts';
import { membersUsed } from '../../core/cel/expression.ts';

/** Options that every source has, or that follow from other keys of a definition. */
const RESERVED = new Set([
  'type',
  'base_url',
  'account',
  'token',
  'token_file',
  'schedule',
  'timezone',
  'quota',
  'timeout',
  'retries',
  'max_response_bytes',
  'ledger',
  'tls',
  'proxy',
  'labels',
  'namespace',
  'shape',
  'auth',
  'settle',
  'overlap',
  'initial_lookback',
  'slice',
]);

/** Checks the names, values and defaults of options. */
export function checkOptions(checks: Checks, { options }: RawDefinition): void {
  for (const [name, option] of Object.entries(options)) {
    const path = ['options', name];
    if (RESERVED.has(name))
      checks.addKey(path, `\`${name}\` is an option of every source; choose another name`);
    if (option.type === 'enum' && option.values === undefined) checks.add(path, 'an enum needs `values`');
    else if (option.default !== undefined) {
      if (option.type === 'secret') checks.add([...path, 'default'], 'a secret has no default');
      const checked = fieldOf(name, option).safeParse(option.default);
      const [issue] = checked.error?.issues ?? [];
      if (issue !== undefined)
        checks.add([...path, 'default'], issue.message.charAt(0).toLowerCase() + issue.message.slice(1));
      if (option.required) checks.add([...path, 'required'], 'an option with a default is not required');
    }
  }
}

interface ScopeParts {
  readonly raw: RawDefinition;
  readonly options: OptionTypes;
  readonly terms: RequestTerms;
  readonly auth: AuthForms;
  /** All that ask for records or details. Those with mistakes are undefined. */
  readonly requests: readonly (RequestTemplate | undefined)[];
  readonly expand: Pick<Expand, 'request'> | undefined;
}

/** Options that name the vendor's place by themselves. */
const IDENTIFYING = new Set(['base_url', 'account', 'token']);

/**
 * Checks that the options which name what is read are part of the stream's key. Returns those that are sent in another
 * place and are not: two sources that differ only in them would be one stream.
 */
export function checkScope(
  checks: Checks,
  { raw, options, terms, auth, requests, expand }: ScopeParts,
): readonly string[] {
  for (const [index, name] of raw.scope.entries()) {
    const type = options.get(name);
    const known = Object.keys(raw.options);
    if (!known.includes(name))
      checks.add(['scope', index], `there is no option \`${name}\`${didYouMean(name, known, '`')}`);
    else if (type === 'secret')
      checks.add(['scope', index], `\`${name}\` is a secret, which must not name a stream`);
  }
  const outside = (name: string) =>
    options.get(name) !== 'secret' && !IDENTIFYING.has(name) && !raw.scope.includes(name);
  for (const [name, path] of terms.path.used) if (outside(name)) checks.add(path, missing(name));
  for (const [path, template] of placesIn(auth, expand))
    for (const name of new Set(optionsIn(template)))
      if (name !== undefined && outside(name)) checks.add(path, missing(name));
  const sent = requests.flatMap((request) =>
    request === undefined ? [] : expressionsOf(request).flatMap(({ ast }) => membersUsed(ast, 'options')),
  );
  return [...new Set(sent)].filter((name): name is string => name !== undefined && outside(name));
}

function missing(name: string): string {
  return `the option \`${name}\` names what is read, so \`scope\` must list it`;
}

/** The templates of places besides the path of `request`, and where they are. */
function placesIn(
  auth: AuthForms,
  expand: ScopeParts['expand'],
): readonly (readonly [Path, Template | undefined])[] {
  const ofForms = [...auth.forms].flatMap(([name, { oauth2, login }]): [Path, Template | undefined][] => {
    const path = ['auth', ...(auth.isChoice ? ['one_of', name] : [])];
    return [
      [[...path, 'oauth2', 'token_url'], oauth2?.tokenUrl],
      [[...path, 'login', 'request', 'path'], login?.request.path],
    ];
  });
  return [...ofForms, [['expand', 'request', 'path'], expand?.request.path]];
}

function optionsIn(template: Template | undefined): readonly (string | undefined)[] {
  return template?.expressions.flatMap(({ ast }) => membersUsed(ast, 'options')) ?? [];
}
