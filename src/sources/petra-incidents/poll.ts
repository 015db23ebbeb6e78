import type { Gap, Page, Span } from '../../core/source.ts';
import { inParts } from '../_kit/answer.ts';
import { readTenants, ROUTES } from '../_petra/api.ts';
import { readList, readTenantList, warnOfTenant } from './list.ts';
import { isStale, pageOf, type Pages, readLive } from './live.ts';
import type { Context, Cursor, Hole, StoredCursor } from './schemas.ts';

/** `reason` of a gap: the tenant has more incidents in the span than one list shows, and the vendor has no pages. */
const LIST_FULL = 'list-full';
/** `reason` of a gap: the tenant could not be read when its turn came. */
const UNREAD = 'tenant-unavailable';
/** `reason` of a gap: a re-read does not reach back as far as updates are to be tracked. */
const OUT_OF_REACH = 'updates-out-of-reach';

/** Reads the newest incidents, then what their list did not reach, then the incidents that may have changed. */
export async function* poll(
  context: Context,
  before: Cursor | undefined,
): AsyncGenerator<Page<StoredCursor>> {
  const live = yield* readLive(context, before);
  const filled = yield* fillHoles(context, live);
  yield* refresh(context, filled);
}

/** Reads, tenant by tenant, the spans that full lists of all tenants left unread. What is still missing is a gap. */
async function* fillHoles(context: Context, start: Cursor): Pages {
  let state = start;
  while (state.walk !== undefined || state.holes.length > 0) {
    const walk = state.walk ?? { holes: state.holes, after: '' };
    if (state.walk === undefined) state = { ...state, walk, holes: [] };
    const left = (await readTenants(context)).filter(
      ({ id }) => id > walk.after && holesOf(id, walk.holes).length > 0,
    );
    for (const [index, { id }] of left.entries()) {
      if (isStale(context, state)) state = yield* readLive(context, state, left.length - index);
      const turn = { id, holes: walk.holes, deferred: left.length - index - 1 };
      state = yield* fillTenant(context, state, turn);
    }
    state = yield* endWalk(context, state, walk.holes);
  }
  return state;
}

interface FillTurn {
  readonly id: string;
  /** All holes of the walk, those of other tenants too. */
  readonly holes: readonly Hole[];
  /** Tenants that are left after it. */
  readonly deferred: number;
}

async function* fillTenant(context: Context, start: Cursor, turn: FillTurn): Pages {
  const { id, deferred } = turn;
  const holes = holesOf(id, turn.holes);
  const reading = await readTenantList(context, id, startOf(holes));
  if ('list' in reading) {
    const { reach, parts } = reading.list;
    const closed = closeUnread(start, id, reach);
    const state = withFilled(closed.state, turn);
    const gaps = holes.flatMap(({ from, to }) => gapOf(id, LIST_FULL, { from, to: Math.min(reach, to) }));
    yield* inParts(parts, pageOf(context, state, { gaps, closedGaps: closed.gaps, deferred }));
    return state;
  }
  // If the list of all tenants is answered, only this tenant fails. If not, `readLive` throws.
  const checked = reading.doubtful ? yield* readLive(context, start, deferred + 1) : start;
  warnOfTenant(context, id, reading.error);
  const unread = { from: startOf(holes), to: Math.max(...holes.map(({ to }) => to)) };
  const known = checked.unread[id];
  const hull = known === undefined ? unread : { from: Math.min(known.from, unread.from), to: unread.to };
  const state = withFilled({ ...checked, unread: { ...checked.unread, [id]: hull } }, turn);
  const gaps = holes.flatMap((hole) => gapOf(id, UNREAD, hole));
  yield pageOf(context, state, { gaps, deferred });
  return state;
}

/** The holes are read, except for the gaps of single tenants. */
async function* endWalk(context: Context, start: Cursor, holes: readonly Hole[]): Pages {
  const { walk: _, ...state } = start;
  const read = holes.filter(({ only }) => only === undefined);
  for (const covered of read.slice(0, -1)) yield pageOf(context, start, { covered });
  const last = read.at(-1);
  yield pageOf(context, state, last === undefined ? {} : { covered: last });
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
 * Reads again what was created in the last `track_updates_for`, to find changes: all tenants in one list when it holds
 * them, otherwise tenant by tenant. It continues from poll to poll, and live requests come first.
 */
async function* refresh(context: Context, start: Cursor): Pages {
  if (!isRefreshDue(context, start)) return start;
  let state = start;
  let asked = 0;
  if (state.refresh.walk === undefined) {
    if (!(await mayAsk(context, asked++))) return state;
    state = yield* refreshAll(context, state);
  }
  const walk = state.refresh.walk;
  if (walk === undefined) return state;
  const left = (await readTenants(context)).filter(
    ({ id }) => id > walk.after && (walk.all || state.unread[id] !== undefined),
  );
  for (const [index, { id }] of left.entries()) {
    if (!(await mayAsk(context, asked++))) return state;
    if (isStale(context, state)) state = yield* readLive(context, state, left.length - index);
    state = yield* refreshTenant(context, state, { id, all: walk.all, deferred: left.length - index - 1 });
  }
  return yield* endRefresh(context, state);
}

function isRefreshDue({ now, options }: Context, { refresh: { ended, walk } }: Cursor): boolean {
  const age = now() - ended;
  return walk !== undefined || age < 0 || age >= options.refresh_interval;
}

/** One request is left for the next live poll. A quota of one request at a time could never leave one: they take turns. */
async function mayAsk({ http, options }: Context, asked: number): Promise<boolean> {
  if (options.quota?.requests === 1) return asked === 0;
  return (await http.available(ROUTES.incidents)) > 1;
}

/** No further back than live polls followed a clock that was set back. */
function trackedFrom({ now, options }: Context, { since }: Cursor): number {
  return Math.max(now(), since) - options.track_updates_for;
}

async function* refreshAll(context: Context, start: Cursor): Pages {
  const from = trackedFrom(context, start);
  const { reach, parts } = await readList(context, { from });
  if (reach > from) {
    const state = { ...start, refresh: { ...start.refresh, walk: { all: true, after: '' } } };
    yield* inParts(parts, pageOf(context, state, { deferred: 1 }));
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
  const deferred = Object.keys(state.unread).length;
  const refresh =
    deferred === 0
      ? { ended: context.now() }
      : { ended: state.refresh.ended, walk: { all: false, after: '' } };
  state = { ...state, refresh };
  yield* inParts(parts, pageOf(context, state, { closedGaps, deferred }));
  return state;
}

interface RefreshTurn {
  readonly id: string;
  readonly all: boolean;
  /** Tenants that are left after it. */
  readonly deferred: number;
}

async function* refreshTenant(context: Context, start: Cursor, turn: RefreshTurn): Pages {
  const { id, deferred } = turn;
  const tracked = trackedFrom(context, start);
  const reading = await readTenantList(context, id, Math.min(tracked, start.unread[id]?.from ?? tracked));
  if ('list' in reading) {
    const { reach, parts } = reading.list;
    const read = closeUnread(start, id, reach);
    const seen = judgeReach(read.state, id, { from: tracked, to: reach });
    const state = withRefreshed(seen.state, turn);
    const closedGaps = [...read.gaps, ...seen.closedGaps];
    yield* inParts(parts, pageOf(context, state, { gaps: seen.gaps, closedGaps, deferred }));
    return state;
  }
  const checked = reading.doubtful ? yield* readLive(context, start, deferred + 1) : start;
  warnOfTenant(context, id, reading.error);
  const { state: judged, gaps } = judgeReach(checked, id, { from: tracked, to: context.now() });
  const state = withRefreshed(judged, turn);
  yield pageOf(context, state, { gaps, deferred });
  return state;
}

function withRefreshed(state: Cursor, { id, all }: RefreshTurn): Cursor {
  return { ...state, refresh: { ...state.refresh, walk: { all, after: id } } };
}

/** Gaps of tenants that are no longer listed stay open, and the cursor forgets them: nothing will close them. */
async function* endRefresh(context: Context, start: Cursor): Pages {
  const listed = new Set((await readTenants(context)).map(({ id }) => id));
  const unread = Object.fromEntries(Object.entries(start.unread).filter(([id]) => listed.has(id)));
  const state = { ...start, unread, refresh: { ended: context.now() } };
  yield pageOf(context, state, { deferred: 0 });
  return state;
}

/** A cursor without the gaps that are closed. */
interface Closing {
  readonly state: Cursor;
  readonly gaps: readonly Gap[];
}

/** A tenant has one gap while its updates are out of reach: from the first re-read that falls short to one that does not. */
function judgeReach(
  state: Cursor,
  id: string,
  missed: Span,
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

/** Closes the gap of a tenant that could not be read, when an answer reaches back to its start. */
function closeUnread(state: Cursor, id: string, reach: number): Closing {
  const known = state.unread[id];
  if (known === undefined || reach > known.from) return { state, gaps: [] };
  const { [id]: _, ...unread } = state.unread;
  return { state: { ...state, unread }, gaps: [{ ...known, part: id, reason: UNREAD }] };
}

/** Closes the gap of a tenant whose updates were out of reach. */
function closeOutOfReach(state: Cursor, id: string): Closing {
  const known = state.outOfReach[id];
  if (known === undefined) return { state, gaps: [] };
  const { [id]: _, ...outOfReach } = state.outOfReach;
  return { state: { ...state, outOfReach }, gaps: [{ ...known, part: id, reason: OUT_OF_REACH }] };
}
