import type { ASTNode } from '@marcbachmann/cel-js';
import { type Expression, membersUsed } from '../../core/cel/expression.ts';
import { partsOf } from '../../core/cel/limits.ts';
import { valueAt } from './path.ts';
import type { Parameter } from './pager.ts';
import type { BodyTemplate, RequestTemplate } from './request.ts';
import { plain, type Template, textOf } from './template.ts';
import { readTime, type TimeFormat } from './time.ts';

/** A request as a simulated vendor sees it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** The value of a variable in a request that was made of this template, as it is printed; undefined when it is not there. */
export function printedIn(
  template: Pick<RequestTemplate, 'query' | 'headers' | 'body'>,
  request: SeenRequest,
  variable: string,
): { readonly expression: Expression; readonly text: string } | undefined {
  const texts: [Template, string][] = [
    ...template.query.flatMap(([name, templates]): [Template, string][] => {
      const values = request.query.getAll(name);
      return templates.flatMap((one, index): [Template, string][] =>
        values[index] === undefined ? [] : [[one, values[index]]],
      );
    }),
    ...template.headers.map(([name, one]): [Template, string] => [
      one,
      request.headers[name.toLowerCase()] ?? '',
    ]),
    ...(template.body === undefined ? [] : inBody(template.body, bodyOf(request))),
  ];
  for (const [one, text] of texts) {
    const captured = one.capture(text) ?? [];
    const found = captured.find(({ expression }) => membersUsed(expression.ast, variable).length > 0);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The JSON of a request; undefined without a body. */
export function bodyOf({ body }: SeenRequest): unknown {
  return body.length === 0 ? undefined : (JSON.parse(body.toString('utf8')) as unknown);
}

function inBody(template: BodyTemplate, value: unknown): [Template, string][] {
  if (value === undefined || value === null) return [];
  if ('template' in template)
    return [
      [template.template, typeof value === 'object' ? JSON.stringify(value) : `${value as string | number}`],
    ];
  if ('list' in template)
    return template.list.flatMap((one, index) =>
      inBody(one, Array.isArray(value) ? (value as unknown[])[index] : undefined),
    );
  if (!('members' in template)) return [];
  return template.members.flatMap(([name, one]) => inBody(one, (value as Record<string, unknown>)[name]));
}

/** The time that a request prints for `from` or `to`, epoch ms; undefined when it prints none. */
export function timeIn(
  template: RequestTemplate,
  request: SeenRequest,
  variable: 'from' | 'to',
): number | undefined {
  const printed = printedIn(template, request, variable);
  if (printed === undefined) return undefined;
  const format = formatIn(printed.expression.ast) ?? { kind: 'iso' };
  const read = (text: string) => readTime(text, format)?.ms;
  const time = read(printed.text);
  if (time === undefined) return undefined;
  // What the expression adds to the variable: `iso(from - duration("1s"))`.
  const reference = Date.parse('2026-01-15T00:00:00Z');
  const outcome = printed.expression.evaluate({ [variable]: new Date(reference) });
  const shown = 'value' in outcome ? read(textOf(plain(outcome.value))) : undefined;
  return time - ((shown ?? reference) - reference);
}

const PRINTERS = new Set(['iso', 'epoch_s', 'epoch_ms', 'epoch_us', 'epoch_ns']);

function formatIn(ast: ASTNode): TimeFormat | undefined {
  if (ast.op === 'call') {
    const [name, args] = ast.args;
    if (PRINTERS.has(name)) return { kind: name as TimeFormat['kind'], zone: 'utc' };
    const [, pattern, zone] = args;
    if (name === 'format' && pattern?.op === 'value')
      return {
        kind: 'format',
        pattern: String(pattern.args),
        zone: zone?.op === 'value' ? String(zone.args) : 'utc',
      };
  }
  for (const part of partsOf(ast.args)) {
    const found = formatIn(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A parameter that paging adds to the request, or that the request itself names by a variable. */
export function parameterIn(
  template: RequestTemplate,
  request: SeenRequest,
  { at, variable }: { readonly at: Parameter; readonly variable: string },
): string | undefined {
  if (at === undefined) return printedIn(template, request, variable)?.text;
  if ('query' in at) return request.query.get(at.query) ?? undefined;
  const value = valueAt(bodyOf(request), at.body);
  return value === undefined ? undefined : `${value as string | number}`;
}
