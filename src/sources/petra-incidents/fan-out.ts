import type { Gap, Span } from '../../core/source.ts';
import { inParts } from '../_kit/parts.ts';
import { readTenants } from '../_petra/tenants.ts';
import type { Cursor, Hole } from './cursor.ts';
import { isStale, readLive } from './live.ts';
import type { Poll } from './list.ts';
import { pageOf, type Pages } from './page.ts';
import { readTenant, warnOfTenant } from './tenant.ts';
import { closeUnread, UNREAD } from './unread.ts';

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

interface Turn {
  readonly id: string;
  /** Of the walk: other tenants' too. */
  readonly holes: readonly Hole[];
  /** Tenants that are left after it. */
  readonly deferred: number;
}

async function* fillTenant(run: Poll, start: Cursor, turn: Turn): Pages {
  const { id, deferred } = turn;
  const holes = holesOf(id, turn.holes);
  const reading = await readTenant(run, id, startOf(holes));
  if ('list' in reading) {
    const { reach, parts } = reading.list;
    const closed = closeUnread(start, id, reach);
    const state = pass(closed.state, turn);
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
  const state = pass({ ...checked, unread: { ...checked.unread, [id]: hull } }, turn);
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

function pass(state: Cursor, { id, holes }: Turn): Cursor {
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
