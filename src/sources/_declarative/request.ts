import { membersUsed } from '../../core/cel/expression.ts';
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Path } from '../../config/problems.ts';
import type { Checks } from './checks.ts';
import { partsOf } from '../../core/cel/limits.ts';
import type { RawRequest } from './schema.ts';
import { type Template, textOf, type Variables } from './template.ts';
import type { OptionTypes, Terms } from './terms.ts';
import { unitOf } from './time.ts';

/** A value of a query parameter; a list repeats the parameter. */
export type Parameter = string | readonly string[];

/** A request with everything filled in. */
export interface BuiltRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query: readonly (readonly [string, Parameter])[];
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; undefined: none. */
  readonly body: unknown;
}

/** A JSON value with templates in place of its texts. */
export type BodyTemplate =
  | { readonly template: Template }
  | { readonly list: readonly BodyTemplate[] }
  | { readonly members: readonly (readonly [string, BodyTemplate])[] }
  | { readonly constant: number | boolean | null };

/** A checked request: everything but the values of its variables. */
export interface RequestTemplate {
  readonly method: 'GET' | 'POST';
  readonly path: Template;
  readonly query: readonly (readonly [string, readonly Template[]])[];
  readonly headers: readonly (readonly [string, Template])[];
  readonly body: BodyTemplate | undefined;
}

/** The terms of the parts of a request: secrets may be used in headers and body only. */
export interface RequestTerms {
  readonly open: Terms;
  readonly secret: Terms;
  /** For the path: an option in it is part of what names a stream. */
  readonly path: Terms;
}

/** Checks a request; undefined after its mistakes were reported. */
export function requestTemplate(
  checks: Checks,
  path: Path,
  { raw, terms }: { readonly raw: RawRequest; readonly terms: RequestTerms },
): RequestTemplate | undefined {
  const place = terms.path.template([...path, 'path'], raw.path);
  if (place !== undefined && !place.beginning.startsWith('/'))
    checks.add([...path, 'path'], 'must begin with `/`; it is joined to `base_url`');
  const query = queryTemplates(checks, [...path, 'query'], { raw: raw.query, terms: terms.open });
  const headers = headerTemplates(checks, [...path, 'headers'], raw.headers, terms.secret);
  const body = raw.body === undefined ? undefined : bodyTemplate([...path, 'body'], raw.body, terms.secret);
  if (raw.body !== undefined && raw.method === 'GET')
    checks.addKey([...path, 'body'], 'a GET request has no body; set `method: POST`');
  if (place === undefined || query === undefined || headers === undefined) return undefined;
  if (raw.body !== undefined && body === undefined) return undefined;
  return { method: raw.method, path: place, query, headers, body };
}

/** Checks query parameters; undefined after their mistakes were reported. */
export function queryTemplates(
  checks: Checks,
  path: Path,
  { raw, terms }: { readonly raw: RawRequest['query']; readonly terms: Terms },
): RequestTemplate['query'] | undefined {
  const all = checks.inOrder(path, raw).map(([name, value]) => {
    const given = Array.isArray(value) ? value : [value];
    const made = given.map((one, index) =>
      terms.template(Array.isArray(value) ? [...path, name, index] : [...path, name], one),
    );
    return [name, made] as const;
  });
  if (all.some(([, templates]) => templates.includes(undefined))) return undefined;
  return all as RequestTemplate['query'];
}

const HEADER = /^[!#$%&'*+.^_`|~\w-]+$/;

/** Checks headers; undefined after their mistakes were reported. */
export function headerTemplates(
  checks: Checks,
  path: Path,
  raw: Readonly<Record<string, string | number | boolean>>,
  terms: Terms,
): RequestTemplate['headers'] | undefined {
  const names = new Set<string>();
  const all = Object.entries(raw).map(([name, value]) => {
    if (!HEADER.test(name)) checks.addKey([...path, name], 'is no name of a header');
    // The case of a header's name does not count (RFC 9110, section 5.1).
    if (names.has(name.toLowerCase())) checks.addKey([...path, name], `the header ${name} is set twice`);
    names.add(name.toLowerCase());
    return [name, terms.template([...path, name], value)] as const;
  });
  return all.some(([, template]) => template === undefined) ? undefined : (all as RequestTemplate['headers']);
}

/** Checks a JSON value with templates in it; undefined after its mistakes were reported. */
export function bodyTemplate(path: Path, raw: unknown, terms: Terms): BodyTemplate | undefined {
  if (typeof raw === 'string') {
    const template = terms.template(path, raw);
    return template && { template };
  }
  if (Array.isArray(raw)) {
    const list = raw.map((one, index) => bodyTemplate([...path, index], one, terms));
    return list.includes(undefined) ? undefined : { list: list as BodyTemplate[] };
  }
  if (typeof raw === 'object' && raw !== null) {
    const members = Object.entries(raw).map(
      ([name, one]) => [name, bodyTemplate([...path, name], one, terms)] as const,
    );
    if (members.some(([, one]) => one === undefined)) return undefined;
    return { members: members as (readonly [string, BodyTemplate])[] };
  }
  return { constant: raw as number | boolean | null };
}

/** Fills in a request. @throws Error when an expression fails, or a value would change the path */
export function buildRequest(template: RequestTemplate, variables: Variables): BuiltRequest {
  return {
    method: template.method,
    path: template.path.text(variables, segment),
    query: buildQuery(template.query, variables),
    headers: buildHeaders(template.headers, variables),
    body: template.body && buildBody(template.body, variables),
  };
}

/** Fills in query parameters; those that are empty are left out. */
export function buildQuery(
  query: RequestTemplate['query'],
  variables: Variables,
): readonly (readonly [string, Parameter])[] {
  return query.flatMap(([name, templates]): (readonly [string, Parameter])[] => {
    const values = templates
      .flatMap((template) => (template.isSingle ? template.value(variables) : template.text(variables)))
      .map(textOf)
      .filter((text) => text !== '');
    const [only] = values;
    if (only === undefined) return [];
    return [[name, values.length === 1 ? only : values]];
  });
}

/** Fills in headers; those that are empty are left out. */
export function buildHeaders(
  headers: RequestTemplate['headers'],
  variables: Variables,
): Record<string, string> {
  const all = headers.map(([name, template]) => [name, template.text(variables)] as const);
  return Object.fromEntries(all.filter(([, value]) => value !== ''));
}

/** Fills in a body; what is absent is left out. */
export function buildBody(body: BodyTemplate, variables: Variables): unknown {
  if ('template' in body) return body.template.value(variables);
  if ('constant' in body) return body.constant;
  if ('list' in body)
    return body.list.map((one) => buildBody(one, variables)).filter((one) => one !== undefined);
  const members = body.members.map(([name, one]) => [name, buildBody(one, variables)] as const);
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

/** One segment of a path. `.` and `..` would change the path, however they are encoded. */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..')
    throw new Error(
      `A value in the path of the request is ${text === '' ? 'empty' : `\`${text}\``}, which would change the path.`,
    );
  return encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*]/g, percent);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** All expressions of a request. */
export function expressionsOf(template: Partial<RequestTemplate>): readonly { readonly ast: ASTNode }[] {
  const inBody = (body: BodyTemplate): readonly Template[] => {
    if ('template' in body) return [body.template];
    if ('list' in body) return body.list.flatMap(inBody);
    return 'members' in body ? body.members.flatMap(([, one]) => inBody(one)) : [];
  };
  const { path, query = [], headers = [], body } = template;
  return [
    ...(path === undefined ? [] : [path]),
    ...query.flatMap(([, templates]) => templates),
    ...headers.map(([, one]) => one),
    ...(body === undefined ? [] : inBody(body)),
  ].flatMap(({ expressions }) => expressions);
}

/** The options that requests use; all of them where an expression uses `options` as a whole. */
export function optionsUsed(
  requests: readonly Partial<RequestTemplate>[],
  options: OptionTypes,
): ReadonlySet<string> {
  const used = requests
    .flatMap((request) => expressionsOf(request))
    .flatMap(({ ast }) => membersUsed(ast, 'options'));
  return new Set(used.flatMap((name) => name ?? [...options.keys()]));
}

/** Whether a request uses a variable. */
export function uses(template: Partial<RequestTemplate> | undefined, variable: string): boolean {
  return (
    template !== undefined && expressionsOf(template).some(({ ast }) => membersUsed(ast, variable).length > 0)
  );
}

/** The step of time in which a request prints a variable (`from` or `to`), milliseconds: the coarsest of all its uses. */
export function printedUnit(template: RequestTemplate, variable: string): number {
  return Math.max(1, ...expressionsOf(template).map(({ ast }) => unitIn(ast, variable, 1)));
}

function unitIn(ast: ASTNode, variable: string, around: number): number {
  const { op, args } = ast;
  if (op === 'id') return args === variable ? around : 1;
  let unit = around;
  if (op === 'call' && args[0] === 'epoch_s') unit = 1_000;
  if (op === 'call' && args[0] === 'format') unit = patternUnit(args[1][1]);
  // Arithmetic on an epoch: `epoch_ms(from) / 1000`.
  if (op === '/') unit = Math.max(unit, 1_000);
  return Math.max(1, ...partsOf(args).map((part) => unitIn(part, variable, Math.max(unit, around))));
}

/** A pattern that is not written out may show days only. */
function patternUnit(pattern: ASTNode | undefined): number {
  return pattern?.op === 'value' && typeof pattern.args === 'string' ? unitOf(pattern.args) : 86_400_000;
}
