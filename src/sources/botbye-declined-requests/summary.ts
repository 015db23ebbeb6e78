import { RefusedError, UnexpectedAnswerError } from '../../core/errors.ts';
import { percentEncoded } from '../../core/printable.ts';
import { Rows, type Shape } from '../../core/rows.ts';
import type { Scope, Span, StreamContext } from '../../core/source.ts';
import { Unreadable } from '../../core/read-record.ts';
import { errorIn, listOf } from '../_kit/answer.ts';
import { membersOf } from '../_kit/malformed.ts';
import type { Options } from './options.ts';
import type { Counted } from './record.ts';

/** A project, a type and a type of interval, as one stream's id: counters of hours and of days run side by side. */
export function scopeOf(project: string, dimension: string, intervalType: Options['interval_type']): Scope {
  return { id: `${project}/${dimension}/${intervalType}` };
}

/** What `scopeOf` put together. */
export function partsOf({ id }: Scope): { project: string; dimension: string } {
  // No part holds a slash: the project is one segment of a path.
  const [project = '', dimension = ''] = id.split('/');
  return { project, dimension };
}

/** One answer: the totals so far of the bucket that holds `date`. */
export interface Summary {
  /** The answer's own `Date`, epoch ms. */
  readonly date: number;
  /** Our clock when it came, epoch ms. */
  readonly at: number;
  /** As the vendor sent them, not validated. */
  readonly rows: Rows;
}

/** What a total says that comes alone; an object without it is none. */
const COUNT: keyof Counted = 'declinedReqCount';

/**
 * Asks for the stream's summary. `asked`: what it is to count that was not counted before.
 * @throws RefusedError 404, with what to check · UnexpectedAnswerError when the answer is no list, and what `Http.get` throws.
 */
export async function readSummary(
  { http, options, scope }: Pick<StreamContext<Options>, 'http' | 'options' | 'scope'>,
  asked?: Span,
): Promise<Summary> {
  const { project, dimension } = partsOf(scope);
  const path = `/api/v1/${percentEncoded(options.account_id)}/projects/${percentEncoded(project)}/overviews/${options.resource}`;
  const query = { type: dimension, interval: options.interval, interval_type: options.interval_type };
  const rowsOfBody: Shape = { rows: true };
  const request = {
    path,
    query,
    route: 'overviews',
    rows: rowsOfBody,
    ...(asked !== undefined && { asked }),
  };
  const answer = await http.get(request).catch((error: unknown) => {
    throw explained(error);
  });
  const { date, at } = answer;
  const rows = listOf(answer);
  if (rows !== undefined) return { date, at, rows };
  const body = answer.json();
  const failure = errorIn(body);
  if (dimension === 'total_endpoint' && body instanceof Unreadable) return { date, at, rows: Rows.of(body) };
  // Nothing documents the shape of this one; a single total may come alone, and without a name.
  if (dimension === 'total_endpoint' && failure === undefined && Object.hasOwn(membersOf(body), COUNT)) {
    return { date, at, rows: Rows.of({ id: dimension, ...membersOf(body) }) };
  }
  throw new UnexpectedAnswerError(
    `BotBye answered ${options.base_url}${path} (type=${dimension}) with something else than a list of rows${failure === undefined ? '' : `: ${failure}`}. Check base_url and \`resource\`; if they are right, the vendor changed its answer.`,
    `${options.base_url}${path}`,
    answer.status,
  );
}

function explained(error: unknown): unknown {
  if (!(error instanceof RefusedError) || error.status !== 404) return error;
  const message = `BotBye knows no ${error.url} (404). Check account_id and project_ids, and \`resource\`: the vendor's pages say both declined_requests and declined_events.`;
  return new RefusedError(message, error.url, 404, error.body);
}
