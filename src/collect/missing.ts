import type { Config, SourceConfig } from '../config/types.ts';
import type { GapState, JournalView, StreamState } from '../journal/journal.ts';
import { identityOf, streamKey } from '../core/stream-key.ts';
import { uncovered } from '../core/span.ts';
import type { Span } from '../core/source.ts';

/** `reason` of a span that nobody asked the vendor for: before the first poll, or while nothing polled. */
const NEVER_ASKED = 'never-asked';

/**
 * `reason` of a span that is not read yet as it should be: the vendor still counts it, late records may still appear in
 * it, or the next poll is to ask for it.
 */
const OPEN = 'open';

/** A span that is not there, or (`closed`) was not for a time. Times are epoch ms. */
export interface MissingSpan extends Omit<GapState, 'opened'> {
  readonly source: string;
  /** Undefined for what was never asked, and for what is open. */
  readonly opened: number | undefined;
}

interface Question {
  /** Only of this source, by name. */
  readonly source?: string | undefined;
  /** Only within this span, and then also what was never asked in it. */
  readonly asked?: Span | undefined;
  /** Also gaps that were closed since. */
  readonly closed: boolean;
  /** Epoch ms. */
  readonly now: number;
  /** How long a source with so many streams may go unread before it is stale, milliseconds. */
  readonly patience: (config: SourceConfig, streams: number) => number;
}

/** What was not collected, and why: by stream, in the order of time. */
export async function missing(
  view: Pick<JournalView, 'streams' | 'gaps' | 'coverage'>,
  { sources }: Config,
  question: Question,
): Promise<readonly MissingSpan[]> {
  const { source, asked } = question;
  const wanted = (name: string) => source === undefined || name === source;
  const streams = (await view.streams()).filter((stream) => wanted(stream.source));
  const counts = new Map(
    [...Map.groupBy(streams, (stream) => stream.source)].map(([name, of]) => [name, of.length]),
  );
  const configs = new Map(sources.map((config) => [config.name, config]));
  const found: MissingSpan[] = [];
  for (const stream of streams) {
    const config = configs.get(stream.source);
    const patience = config === undefined ? 0 : question.patience(config, counts.get(config.name) ?? 0);
    found.push(...(await missingOf(view, { stream, config, patience }, question)));
  }
  if (asked === undefined) return found;
  for (const config of sources.filter(({ name }) => wanted(name) && !counts.has(name))) {
    const key = streamKey({ ...identityOf(config), scope: '' });
    const open = openFrom({ config, patience: 0, known: [] }, question.now);
    found.push(...unread({ source: config.name, key }, [asked], open));
  }
  return found;
}

/** Whether it is missing now, rather than closed since or not due yet. */
export function isMissing({ closed, reason }: MissingSpan): boolean {
  return closed === undefined && reason !== OPEN;
}

interface Subject {
  readonly stream: StreamState;
  /** Undefined of a source that the configuration no longer has. */
  readonly config: SourceConfig | undefined;
  readonly patience: number;
}

async function missingOf(
  view: Pick<JournalView, 'gaps' | 'coverage'>,
  { stream, config, patience }: Subject,
  { asked, closed, now }: Question,
): Promise<MissingSpan[]> {
  const gaps = await view.gaps(stream.key);
  const shown = gaps
    .filter((gap) => (closed || gap.closed === undefined) && (asked === undefined || overlap(gap, asked)))
    .map((gap): MissingSpan => ({ ...gap, source: stream.source }));
  if (asked === undefined || stream.orphaned) return shown;
  const known = [...(await view.coverage(stream.key)), ...gaps.filter((gap) => gap.closed === undefined)];
  const tolerated = config?.definition.toleratedGap?.(config.options) ?? 0;
  // Wider than asked, so that the end of a long hole is not taken for a short one.
  const holes = uncovered({ from: asked.from - tolerated, to: asked.to + tolerated }, known);
  const rest = unread(stream, holes, openFrom({ config, patience, known }, now))
    .filter(({ from, to, reason }) => reason === OPEN || to - from > tolerated)
    .map((span) => ({ ...span, from: Math.max(span.from, asked.from), to: Math.min(span.to, asked.to) }))
    .filter(({ from, to }) => from < to);
  return [...shown, ...rest].toSorted((a, b) => a.from - b.from);
}

interface Reading {
  readonly config: SourceConfig | undefined;
  readonly patience: number;
  /** What was read, and what is known to be missing. */
  readonly known: readonly Span[];
}

/**
 * From when on what is unread is open, epoch ms. A counter's bucket is until it is settled. Of other streams it is what
 * follows the last poll, while that is as recent as readiness asks.
 */
function openFrom({ config, patience, known }: Reading, now: number): number {
  if (config === undefined) return now;
  const { definition, options } = config;
  const settled = (at: number) => definition.settledUntil?.(options, at) ?? at;
  if (definition.stream === 'counter') return settled(now);
  const last = known.reduce((latest, { to }) => Math.max(latest, to), -Infinity);
  return last >= settled(now - patience) ? Math.min(last, now) : now;
}

/** Each span is never asked before `open`, and open from then on. */
function unread(
  { source, key }: Pick<StreamState, 'source' | 'key'>,
  spans: readonly Span[],
  open: number,
): MissingSpan[] {
  const of = { source, stream: key, part: '', opened: undefined, closed: undefined };
  return spans.flatMap(({ from, to }) => {
    const edge = Math.min(Math.max(from, open), to);
    return [
      { ...of, from, to: edge, reason: NEVER_ASKED },
      { ...of, from: edge, to, reason: OPEN },
    ].filter((span) => span.from < span.to);
  });
}

function overlap(a: Span, b: Span): boolean {
  return a.from < b.to && b.from < a.to;
}
