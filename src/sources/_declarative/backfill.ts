import type {
  Backfill,
  BackfillPage,
  CommonOptions,
  Observation,
  Span,
  StreamContext,
} from '../../core/source.ts';
import { KeptClock } from '../_kit/clock.ts';
import type { Definition, WindowOptions, WindowPlan } from './definition.ts';
import { Expansion } from './expand.ts';
import type { Observed } from './records.ts';
import { Allowance, type Step, walkWindow } from './window-walk.ts';
import { floorTo } from './time.ts';

/** A past span is read to its end, however many requests that takes. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** How past spans are read; undefined where the vendor cannot be asked for one. */
export function backfillOf(
  definition: Definition,
  streams: Backfill<CommonOptions>['streams'],
): Backfill<CommonOptions> | undefined {
  const { cursor } = definition;
  if (cursor.kind !== 'window' || cursor.filter !== 'both') return undefined;
  return { streams, read: (context, span) => readPast(definition, context, span) };
}

/** Reads a past span slice by slice. A page holds only records of the span that it covers. */
async function* readPast(
  definition: Definition,
  context: StreamContext<CommonOptions>,
  span: Span,
): AsyncGenerator<BackfillPage> {
  const plan = definition.cursor as WindowPlan;
  const { settle, overlap, slice } = context.options as WindowOptions;
  const clock = new KeptClock(context, { ahead: undefined, slack: settle + overlap });
  const expansion = Expansion.of(definition, clock.http, context);
  let length = Math.max(slice, plan.units.to);
  for (let at = span.from; at < span.to;) {
    context.signal.throwIfAborted();
    const end = Math.min(span.to, at + length);
    // `to` is printed in whole units, so the request asks up to the next one; later records are left out.
    const to = Math.ceil(end / plan.units.to) * plan.units.to;
    const walk = { definition, context, clock, allowance: new Allowance(UNBOUNDED), cap: undefined };
    let settled = end;
    const steps = walkWindow({ ...walk, window: { from: floorTo(at, plan.units.from), to } });
    let isTooMuch = false;
    for await (const part of exactly(steps, { from: at, to: end, order: plan.order, settle })) {
      isTooMuch = plan.order !== 'ascending' && part.held > MOST_HELD && length > plan.units.to;
      if (isTooMuch) break;
      const detailed = await detail(part.observed, expansion, context);
      settled = part.settled;
      yield { observations: detailed, ...(part.covered !== undefined && { covered: part.covered }) };
    }
    if (isTooMuch) {
      length = Math.max(plan.units.to, Math.floor(length / 2));
      continue;
    }
    // Polls read what is not settled yet.
    if (settled < end) return;
    at = end;
  }
}

async function detail(
  observed: readonly Observed[],
  expansion: Expansion | undefined,
  context: StreamContext<CommonOptions>,
): Promise<readonly Observation[]> {
  const keys = [...new Set(observed.map(({ key }) => key))];
  const known = expansion === undefined ? new Map() : await context.known(keys);
  const detailed =
    (await expansion?.detail(observed, new Set(keys.filter((key) => !known.has(key))))) ?? observed;
  return detailed.map(({ time, ...observation }) =>
    time === undefined ? observation : { ...observation, at: time },
  );
}

/** Records of a slice that is not in ascending order are in memory together; one with more is read in halves. */
const MOST_HELD = 5_000;

interface Part {
  readonly observed: readonly Observed[];
  /** How many wait for a later part. */
  readonly held: number;
  readonly covered: Span | undefined;
  /** Up to here the slice was settled when it was read. */
  readonly settled: number;
}

/**
 * The records of a slice. In ascending order those of the last instant of an answer are held back, because the next answer
 * shows them again: each part covers exactly what it holds. In another order nothing is covered before the slice ends, so
 * all of it is held back: after a kill it is read again, when polls may have made the ledger forget what was emitted.
 */
async function* exactly(
  steps: AsyncIterable<Step>,
  { from, to, order, settle }: Span & { readonly order: string; readonly settle: number },
): AsyncGenerator<Part> {
  const held = new Map<string, Observed>();
  let settled = to;
  let at = from;
  for await (const { answer, survey, reading, last } of steps) {
    settled = Math.max(from, Math.min(settled, answer.response.date - settle));
    const edge = last ? settled : order === 'ascending' ? Math.min(settled, survey.newest ?? at) : from;
    for (const batch of survey.batches)
      for (const one of batch().flatMap((record) => reading.observe(record)))
        if (one.time === undefined || (one.time >= from && one.time < settled)) held.set(one.key, one);
    const ready = [...held.values()].filter(
      ({ time }) => last || (order === 'ascending' && (time ?? -Infinity) < edge),
    );
    for (const { key } of ready) held.delete(key);
    const covered = edge > at ? { from: at, to: edge } : undefined;
    at = Math.max(at, edge);
    yield { observed: ready, covered, settled, held: held.size };
  }
}
