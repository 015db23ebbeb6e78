import type { Clock, Random } from '../core/clock.ts';
import {
  Declines,
  INTERVAL_TYPES,
  type IntervalType,
  SUMMARY_TYPES,
  type SummaryRow,
  type SummaryType,
} from './botbye-declines.ts';
import { type Place, serve, type SimulatedAnswer, type SimulatedRequest, type Simulator } from './server.ts';

export interface BotByeOptions extends Place {
  readonly clock: Clock;
  readonly random: Random;
  /** The API token. */
  readonly key: string;
  /** Which of the two documented headers is accepted. Default `bearer`. */
  readonly auth?: 'bearer' | 'x-api-key';
  readonly accountId: string;
  readonly projectIds: readonly string[];
  /** Projects that exist and answer 403: the token has no right to them. */
  readonly forbidden?: readonly string[];
  /** Last segment of the path; the vendor's pages also say `declined_events`. */
  readonly resource?: string;
  /** IANA zone in which hours, days and months begin. Default UTC. */
  readonly zone?: string;
  /** Declined requests a minute and project, on average. Default 20; 0 when a test adds them. */
  readonly perMinute?: number;
  /** Milliseconds of traffic before the start. Default 2 h. */
  readonly history?: number;
  /** How long after an edge the aggregator still answers with the previous bucket, ms. Default 0. */
  readonly lag?: number;
  /** Shape of `total_endpoint`, which is not documented. Default `array`. */
  readonly total?: 'array' | 'object';
}

/** What the simulator showed in one answer, for tests to compare with. */
interface ShownSummary {
  readonly at: number;
  readonly project: string;
  readonly summary: SummaryType;
  readonly type: IntervalType;
  readonly rows: readonly SummaryRow[];
}

export interface BotBye extends Simulator {
  /** The traffic: declines, resets and the truth. */
  readonly declines: Declines;
  /** Every answer with rows, oldest first. */
  readonly shown: readonly ShownSummary[];
}

/** BotBye's "declined requests summary", as api-docs.botbye.com documents it. Errors are `{message, code, type, context}`. */
export async function startBotBye(options: BotByeOptions): Promise<BotBye> {
  const { clock, random, projectIds, zone = 'UTC', perMinute = 20, history = 7_200_000 } = options;
  const declines = new Declines({ clock, random, projectIds, zone, perMinute, history });
  const shown: ShownSummary[] = [];
  const answer = (request: SimulatedRequest) => {
    const refusal = refuse(request, options);
    if (refusal !== undefined) return refusal;
    const { project = '', summary, type } = asked(request);
    const at = clock.now();
    const rows = declines.rows(project, summary, type, at - (options.lag ?? 0));
    shown.push({ at, project, summary, type, rows });
    const single = summary === 'total_endpoint' && options.total === 'object';
    return { status: 200, body: single ? (rows[0] ?? { declinedReqCount: 0 }) : rows };
  };
  const simulator = await serve(answer, options);
  return Object.assign(simulator, { declines, shown });
}

function asked({ path, query }: SimulatedRequest) {
  const [, account, project, resource] =
    /^\/api\/v1\/([^/]+)\/projects\/([^/]+)\/overviews\/([^/]+)$/.exec(decodeURIComponent(path)) ?? [];
  return {
    account,
    project,
    resource,
    summary: query.get('type') as SummaryType,
    interval: query.get('interval') ?? '1',
    type: (query.get('interval_type') ?? 'DAY') as IntervalType,
  };
}

function refuse(request: SimulatedRequest, options: BotByeOptions): SimulatedAnswer | undefined {
  const { account, project = '', resource, summary, interval, type } = asked(request);
  const { accountId, projectIds, forbidden = [] } = options;
  if (!authorised(request, options))
    return failure(401, 'UNAUTHORIZED', 'The API key is missing or not valid');
  if (resource !== (options.resource ?? 'declined_requests'))
    return failure(404, 'NOT_FOUND', 'No such resource');
  if (account !== accountId || ![...projectIds, ...forbidden].includes(project)) {
    return failure(404, 'PROJECT_NOT_FOUND', 'No such account or project');
  }
  if (forbidden.includes(project))
    return failure(403, 'FORBIDDEN', 'The API key has no right to this project');
  if (!SUMMARY_TYPES.includes(summary)) return failure(400, 'BAD_REQUEST', 'type is required');
  if (!(type in INTERVAL_TYPES))
    return failure(400, 'BAD_REQUEST', 'interval_type must be HOUR, DAY or MONTH');
  if (!/^[1-9]\d*$/.test(interval)) return failure(400, 'BAD_REQUEST', 'interval must be a positive integer');
  return undefined;
}

function authorised({ headers }: SimulatedRequest, { key, auth = 'bearer' }: BotByeOptions): boolean {
  if (auth === 'bearer') return headers['authorization'] === `Bearer ${key}`;
  return headers['x-api-key'] === Buffer.from(key).toString('base64');
}

function failure(status: number, code: string, message: string): SimulatedAnswer {
  return { status, body: { message, code, type: 'ERROR', context: {} } };
}
