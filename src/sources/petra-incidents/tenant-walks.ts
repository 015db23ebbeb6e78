import { inParts } from '../_kit/answer.ts';
import { readTenants, ROUTES } from '../_petra/api.ts';
import type { Gap, Span } from '../../core/source.ts';
import { type Poll, readList, readTenant, warnOfTenant } from './list.ts';
import { isStale, pageOf, type Pages, readLive } from './live.ts';
import type { Cursor, Hole } from './schemas.ts';

/** `reason` of a gap: the tenant has more incidents in the span than one list shows, and the vendor has no pages. */
const LIST_FULL = 'list-full';

/** Reads, tenant by tenant, the spans that full lists of all tenants left unread. What is missing then is a gap. */
export async function* fillHoles(run: Poll, start: Cursor): Pages {
  let state = start;
  while (state.walk !== undefined || state.holes.length > 0) {
    const walk = state.walk ?? { holes: state.holes, after: '' };
    if (state.walk === undefined) state = { ...state, walk, holes: [] };
    const left = (await readTenants(run)).filter(
      ({ id }) => id > walk.after && holesOf(id, walk.holes).length > 0,
    );
    for (const [index, { id }] of left.entries()) {
      if (isStale(run, state)) state = yield* readLive(run, state, left.length - index);
      state = yield* fillTenant(run, state, { id, holes: walk.holes, deferred: left.length - index - 1 });
    }
    state = yield* endWalk(run, state, walk.holes);
  }
  return state;
}

interface FillTurn {
  readonly id: string;
  /** Of the walk: other tenants' too. */
  readonly holes: readonly Hole[];
  /** Tenants that are left after it. */
  readonly deferred: number;
}

async function* fillTenant(run: Poll, start: Cursor, turn: FillTurn): Pages {
  const { id, deferred } = turn;
  const holes = holesOf(id, turn.holes);
  const reading = await readTenant(run, id, startOf(holes));
  if ('list' in reading) {
    const { reach, parts } = reading.list;
    const closed = closeUnread(start, id, reach);
    const state = withFilled(closed.state, turn);
    const gaps = holes.flatMap(({ from, to }) => gapOf(id, LIST_FULL, { from, to: Math.min(reach, to) }));
    yield* inParts(parts, pageOf(run, state, { gaps, closedGaps: closed.gaps, deferred }));
    return state;
  }
  // When the list of all tenants is answered, it is this tenant that fails and not the vendor; else that throws.
  const checked = reading.doubtful ? yield* readLive(run, start, deferred + 1) : start;
  warnOfTenant(run, id, reading.error);
  const unread = { from: startOf(holes), to: Math.max(...holes.map(({ to }) => to)) };
  const known = checked.unread[id];
  const hull = known === undefined ? unread : { from: Math.min(known.from, unread.from), to: unread.to };
  const state = withFilled({ ...checked, unread: { ...checked.unread, [id]: hull } }, turn);
  yield pageOf(run, state, { gaps: holes.flatMap((hole) => gapOf(id, UNREAD, hole)), deferred });
  return state;
}

/** The spans are read, but for gaps that name a tenant. */
async function* endWalk(run: Poll, start: Cursor, holes: readonly Hole[]): Pages {
  const { walk: _, ...state } = start;
  const read = holes.filter(({ only }) => only === undefined);
  for (const covered of read.slice(0, -1)) yield pageOf(run, start, { covered });
  const last = read.at(-1);
  yield pageOf(run, state, last === undefined ? {} : { covered: last });
  return state;
}

function withFilled(state: Cursor, { id, holes }: FillTurn): Cursor {
  return { ...state, walk: { holes: [...holes], after: id } };
}

function holesOf(id: string, holes: readonly Hole[]): readonly Hole[] {
  return holes.filter(({ only }) => only === undefined || only.includes(id));
}

function startOf(holes: readonly Span[]): number {
  return Math.min(...holes.map(({ from }) => from));
}

function gapOf(part: string, reason: string, { from, to }: Span): Gap[] {
  return to > from ? [{ from, to, part, reason }] : [];
}

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

interface RefreshTurn {
  readonly id: string;
  readonly all: boolean;
  /** Tenants that are left after it. */
  readonly deferred: number;
}

async function* refreshTenant(run: Poll, start: Cursor, turn: RefreshTurn): Pages {
  const { id, deferred } = turn;
  const tracked = trackedFrom(run, start);
  const reading = await readTenant(run, id, Math.min(tracked, start.unread[id]?.from ?? tracked));
  if ('list' in reading) {
    const { reach, parts } = reading.list;
    const read = closeUnread(start, id, reach);
    const seen = judgeReach(read.state, id, { from: tracked, to: reach });
    const state = withRefreshed(seen.state, turn);
    const closedGaps = [...read.gaps, ...seen.closedGaps];
    yield* inParts(parts, pageOf(run, state, { gaps: seen.gaps, closedGaps, deferred }));
    return state;
  }
  const checked = reading.doubtful ? yield* readLive(run, start, deferred + 1) : start;
  warnOfTenant(run, id, reading.error);
  const { state: judged, gaps } = judgeReach(checked, id, { from: tracked, to: run.now() });
  const state = withRefreshed(judged, turn);
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

function withRefreshed(state: Cursor, { id, all }: RefreshTurn): Cursor {
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

/** `reason` of a gap: the tenant did not answer when its turn came. */
export const UNREAD = 'tenant-unavailable';
/** `reason` of a gap: a re-read does not reach back as far as updates are to be tracked. */
export const OUT_OF_REACH = 'updates-out-of-reach';

interface Closing {
  readonly state: Cursor;
  readonly gaps: readonly Gap[];
}

/** Closes the gap of a tenant that did not answer, when an answer reaches back to its start. */
export function closeUnread(state: Cursor, id: string, reach: number): Closing {
  const known = state.unread[id];
  if (known === undefined || reach > known.from) return { state, gaps: [] };
  const { [id]: _, ...unread } = state.unread;
  return { state: { ...state, unread }, gaps: [{ ...known, part: id, reason: UNREAD }] };
}

/** Closes the gap of a tenant whose updates were out of reach. */
export function closeOutOfReach(state: Cursor, id: string): Closing {
  const known = state.outOfReach[id];
  if (known === undefined) return { state, gaps: [] };
  const { [id]: _, ...outOfReach } = state.outOfReach;
  return { state: { ...state, outOfReach }, gaps: [{ ...known, part: id, reason: OUT_OF_REACH }] };
}
