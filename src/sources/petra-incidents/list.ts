import { z } from 'zod';
import { UnexpectedAnswerError } from '../../errors.ts';
import type { HttpAnswer } from '../../http/http.ts';
import type { Observation, Run, StreamRun } from '../../source.ts';
import { ROUTES, urlOf } from '../_petra/api.ts';
import { misfitKeys } from '../_petra/misfits.ts';
import { parseTime } from '../_petra/time.ts';
import type { Options } from './options.ts';
import { comparedValues, record, type Incident } from './record.ts';

export type Poll = StreamRun<Options>;

interface Question {
  /** Epoch ms, inclusive. */
  readonly from: number;
  /** Without it, all tenants. */
  readonly tenantId?: string;
}

/** What one list says. */
export interface IncidentList {
  /** Oldest first. */
  readonly observations: readonly Observation[];
  /** All that was created from here (epoch ms) up to the answer is in the list; later than asked when the list is full. */
  readonly reach: number;
  /** The vendor's clock at the answer, epoch ms. */
  readonly date: number;
}

const PATH = '/v1/incidents';
const envelope = z.looseObject({ incidents: z.array(z.unknown()) });
const created = z.looseObject({ createdAt: z.string().transform(parseTime) });

/**
 * Asks for the newest incidents from a time on, at most `limit`.
 *
 * @throws UnexpectedAnswerError when the answer is no list of incidents, else what `Http.get` throws.
 */
export async function readList(run: Run<Options>, { from, tenantId }: Question): Promise<IncidentList> {
  const { limit } = run.options;
  const startDate = new Date(Math.max(0, from)).toISOString();
  const answer = await run.http.get({
    path: PATH,
    query: { tenantId, startDate, limit },
    route: ROUTES.incidents,
    asked: { from, to: run.now() },
  });
  const rows = rowsOf(run, answer.json({ decimalText: ['dwellTimeMinutes'] }), answer.status);
  return {
    observations: observe(run, rows, answer).toReversed(),
    reach: rows.length < limit ? from : oldestOf(rows, answer.date) + 1,
    date: answer.date,
  };
}

function rowsOf({ options }: Run<Options>, body: unknown, status: number): readonly unknown[] {
  const parsed = envelope.safeParse(body);
  if (parsed.success) return parsed.data.incidents;
  throw new UnexpectedAnswerError(
    `The list of incidents is not what Petra documents: ${z.prettifyError(parsed.error)}`,
    urlOf(options, PATH),
    status,
    { cause: parsed.error },
  );
}

/** A full list may have cut others of the same millisecond as its oldest, so it reaches back only to the next one. */
function oldestOf(rows: readonly unknown[], date: number): number {
  const times = rows
    .map((row) => created.safeParse(row).data?.createdAt)
    .filter((time) => time !== undefined);
  return times.length === 0 ? date : Math.min(...times);
}

function observe(run: Run<Options>, rows: readonly unknown[], answer: HttpAnswer): Observation[] {
  const keyOf = misfitKeys();
  return rows.flatMap((row, index) => {
    const incident = record.safeParse(row);
    if (!incident.success) {
      const raw = rowsOf(run, answer.json(), answer.status)[index];
      return [{ key: keyOf(raw), record: raw }];
    }
    if (!isWanted(run, incident.data)) return [];
    // Not forgotten before its last re-read: that is, counted from the later of creation and first sight.
    const at = Math.max(answer.date, parseTime(incident.data.createdAt) ?? 0);
    return [{ key: incident.data.id, record: row, value: comparedValues(incident.data), at }];
  });
}

function isWanted({ options }: Run<Options>, { tenant }: Incident): boolean {
  const { only } = options.tenants;
  const ids = [tenant?.petraTenantId, tenant?.microsoftTenantId];
  return only === undefined || only.some((id) => ids.includes(id));
}
