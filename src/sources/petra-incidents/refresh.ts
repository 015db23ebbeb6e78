import type { Gap } from '../../core/source.ts';
import { inParts } from '../_kit/parts.ts';
import { ROUTES } from '../_petra/api.ts';
import { readTenants } from '../_petra/tenants.ts';
import type { Cursor } from './cursor.ts';
import { isStale, readLive } from './live.ts';
import { readList, type Poll } from './list.ts';
import { pageOf, type Pages } from './page.ts';
import { readTenant, warnOfTenant } from './tenant.ts';
import { closeOutOfReach, closeUnread, OUT_OF_REACH } from './unread.ts';

/**
 * Reads again what was created in the last `track_updates_for`, so that changes are seen: all tenants in one list
 * when it holds them, else tenant by tenant. A walk that goes on from poll to poll, behind the live requests.
 */
export async function* refresh(run: Poll, start: Cursor): Pages {
  if (!isDue(run, start)) return start;
  let state = start;
  let asked = 0;
  if (state.refresh.walk === undefined) {
    if (!(await mayAsk(run, asked++))) return state;
    state = yield* refreshAll(run, state);
  }
  const walk = state.refresh.walk;
  if (walk === undefined) return state;
  const left = (await readTenants(run)).filter(
    ({ id }) => id > walk.after && (walk.all || state.unread[id] !== undefined),
  );
  for (const [index, { id }] of left.entries()) {
    if (!(await mayAsk(run, asked++))) return state;
    if (isStale(run, state)) state = yield* readLive(run, state, left.length - index);
    state = yield* refreshTenant(run, state, { id, all: walk.all, deferred: left.length - index - 1 });
  }
  return yield* end(run, state);
}

function isDue({ now, options }: Poll, { refresh: { ended, walk } }: Cursor): boolean {
  const age = now() - ended;
  return walk !== undefined || age < 0 || age >= options.refresh_interval;
}

/** One request is left for the next live poll. A budget of one at a time would never leave one: it is shared in turn. */
async function mayAsk({ http, options }: Poll, asked: number): Promise<boolean> {
  if (options.quota?.requests === 1) return asked === 0;
  return (await http.available(ROUTES.incidents)) > 1;
}

/** No further back than live polls followed a clock that was set back. */
function trackedFrom({ now, options }: Poll, { since }: Cursor): number {
  return Math.max(now(), since) - options.track_updates_for;
}

async function* refreshAll(run: Poll, start: Cursor): Pages {
  const from = trackedFrom(run, start);
  const { reach, parts } = await readList(run, { from });
  const all = reach > from;
  if (all) {
    const state = { ...start, refresh: { ...start.refresh, walk: { all, after: '' } } };
    yield* inParts(parts, pageOf(run, state, { deferred: 1 }));
    return state;
  }
  let state = start;
  const closedGaps: Gap[] = [];
  for (const id of new Set([...Object.keys(start.unread), ...Object.keys(start.outOfReach)])) {
    const read = closeUnread(state, id, reach);
    const seen = closeOutOfReach(read.state, id);
    state = seen.state;
    closedGaps.push(...read.gaps, ...seen.gaps);
  }
  const rest = Object.keys(state.unread).length;
  const walk = rest === 0 ? {} : { walk: { all, after: '' } };
  state = { ...state, refresh: { ended: rest === 0 ? run.now() : state.refresh.ended, ...walk } };
  yield* inParts(parts, pageOf(run, state, { closedGaps, deferred: rest }));
  return state;
}

interface Turn {
  readonly id: string;
  readonly all: boolean;
  /** Tenants that are left after it. */
  readonly deferred: number;
}

async function* refreshTenant(run: Poll, start: Cursor, turn: Turn): Pages {
  const { id, deferred } = turn;
  const tracked = trackedFrom(run, start);
  const reading = await readTenant(run, id, Math.min(tracked, start.unread[id]?.from ?? tracked));
  if ('list' in reading) {
    const { reach, parts } = reading.list;
    const read = closeUnread(start, id, reach);
    const seen = judgeReach(read.state, id, { from: tracked, to: reach });
    const state = pass(seen.state, turn);
    const closedGaps = [...read.gaps, ...seen.closedGaps];
    yield* inParts(parts, pageOf(run, state, { gaps: seen.gaps, closedGaps, deferred }));
    return state;
  }
  const checked = reading.doubtful ? yield* readLive(run, start, deferred + 1) : start;
  warnOfTenant(run, id, reading.error);
  const { state: judged, gaps } = judgeReach(checked, id, { from: tracked, to: run.now() });
  const state = pass(judged, turn);
  yield pageOf(run, state, { gaps, deferred });
  return state;
}

/** One gap per tenant while its updates are out of reach, from the first re-read that falls short to the first that does not. */
function judgeReach(
  state: Cursor,
  id: string,
  missed: { readonly from: number; readonly to: number },
): { state: Cursor; gaps: readonly Gap[]; closedGaps: readonly Gap[] } {
  if (missed.to <= missed.from) {
    const closed = closeOutOfReach(state, id);
    return { state: closed.state, gaps: [], closedGaps: closed.gaps };
  }
  if (state.outOfReach[id] !== undefined) return { state, gaps: [], closedGaps: [] };
  return {
    state: { ...state, outOfReach: { ...state.outOfReach, [id]: missed } },
    gaps: [{ ...missed, part: id, reason: OUT_OF_REACH }],
    closedGaps: [],
  };
}

function pass(state: Cursor, { id, all }: Turn): Cursor {
  return { ...state, refresh: { ...state.refresh, walk: { all, after: id } } };
}

/** Gaps of tenants that are no longer listed stay open, and are no longer looked after: nobody will answer for them. */
async function* end(run: Poll, start: Cursor): Pages {
  const listed = new Set((await readTenants(run)).map(({ id }) => id));
  const unread = Object.fromEntries(Object.entries(start.unread).filter(([id]) => listed.has(id)));
  const state = { ...start, unread, refresh: { ended: run.now() } };
  yield pageOf(run, state, { deferred: 0 });
  return state;
}
