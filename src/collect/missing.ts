import type { Config, SourceConfig } from '../config/types.ts';
import type { Span } from '../core/source.ts';
import { uncovered } from '../core/span.ts';
import { identityOf, streamKey } from '../core/stream-key.ts';
import type { GapState, StreamState } from '../journal/collection.ts';
import type { JournalView } from '../journal/journal.ts';

/** `reason` of a span that was never requested: before the first poll, or while nothing polled. */
const NEVER_ASKED = 'never-asked';

/**
 * `reason` of a span that is not due yet: the vendor still counts it, late records may still come, or the next poll
 * reads it.
 */
const OPEN = 'open';

/** A span that was not read, or that was not read until it was `closed`. Times are epoch ms. */
export interface MissingSpan extends Omit<GapState, 'opened'> {
  readonly source: string;
  /** Undefined for spans that were never requested or are open. */
  readonly opened: number | undefined;
}

interface Question {
  /** Limits the answer to the source of this name. */
  readonly source?: string | undefined;
  /** Limits the answer to this span, and adds what was never requested in it. */
  readonly asked?: Span | undefined;
  /** Adds gaps that have been closed. */
  readonly closed: boolean;
  /** Epoch ms. */
  readonly now: number;
  /** How long a source with so many streams may go unread before it is stale, milliseconds. */
  readonly staleAfter: (config: SourceConfig, streams: number) => number;
}

/** What was not collected, and why: by stream, in the order of time. */
export async function missing(
  view: Pick<JournalView, 'streams' | 'gaps' | 'coverage'>,
  { sources }: Config,
  question: Question,
): Promise<readonly MissingSpan[]> {
  const { source, asked } = question;
  const isWanted = (name: string) => source === undefined || name === source;
  const streams = (await view.streams.all()).filter((stream) => isWanted(stream.source));
  const counts = new Map(
    [...Map.groupBy(streams, (stream) => stream.source)].map(([name, of]) => [name, of.length]),
  );
  const configs = new Map(sources.map((config) => [config.name, config]));
  const found: MissingSpan[] = [];
  for (const stream of streams) {
    const config = configs.get(stream.source);
    const staleAfter = config === undefined ? 0 : question.staleAfter(config, counts.get(config.name) ?? 0);
    found.push(...(await missingOf(view, { stream, config, staleAfter }, question)));
  }
  if (asked === undefined) return found;
  for (const config of sources.filter(({ name }) => isWanted(name) && !counts.has(name))) {
    const key = streamKey({ ...identityOf(config), scope: '' });
    const open = openFrom({ config, staleAfter: 0, known: [] }, question.now);
    found.push(...unread({ source: config.name, key }, [asked], open));
  }
  return found;
}

/** Whether the span is missing now: neither closed nor open. */
export function isMissing({ closed, reason }: MissingSpan): boolean {
  return closed === undefined && reason !== OPEN;
}

interface Subject {
  readonly stream: StreamState;
  /** Undefined for a source that the configuration no longer has. */
  readonly config: SourceConfig | undefined;
  readonly staleAfter: number;
}

async function missingOf(
  view: Pick<JournalView, 'gaps' | 'coverage'>,
  { stream, config, staleAfter }: Subject,
  { asked, closed, now }: Question,
): Promise<MissingSpan[]> {
  const gaps = await view.gaps.of(stream.key);
  const shown = gaps
    .filter((gap) => (closed || gap.closed === undefined) && (asked === undefined || overlap(gap, asked)))
    .map((gap): MissingSpan => ({ ...gap, source: stream.source }));
  if (asked === undefined || stream.orphaned) return shown;
  const known = [...(await view.coverage.of(stream.key)), ...gaps.filter((gap) => gap.closed === undefined)];
  const tolerated = config?.definition.toleratedGap?.(config.options) ?? 0;
  // Wider than asked, so that the end of a long hole does not look like a short one.
  const holes = uncovered({ from: asked.from - tolerated, to: asked.to + tolerated }, known);
  const rest = unread(stream, holes, openFrom({ config, staleAfter, known }, now))
    .filter(({ from, to, reason }) => reason === OPEN || to - from > tolerated)
    .map((span) => ({ ...span, from: Math.max(span.from, asked.from), to: Math.min(span.to, asked.to) }))
    .filter(({ from, to }) => from < to);
  return [...shown, ...rest].toSorted((a, b) => a.from - b.from);
}

interface Reading {
  readonly config: SourceConfig | undefined;
  readonly staleAfter: number;
  /** What was read, and what is known to be missing. */
  readonly known: readonly Span[];
}

/**
 * The time after which unread spans are open, epoch ms. For a counter it is when its buckets are settled. For other
 * streams it is the end of the last poll, as long as that is as recent as readiness requires.
 */
function openFrom({ config, staleAfter, known }: Reading, now: number): number {
  if (config === undefined) return now;
  const { definition, options } = config;
  const settled = (at: number) => definition.settledUntil?.(options, at) ?? at;
  if (definition.stream === 'counter') return settled(now);
  const last = known.reduce((latest, { to }) => Math.max(latest, to), -Infinity);
  return last >= settled(now - staleAfter) ? Math.min(last, now) : now;
}

/** Splits each span at `open`: it was never requested before that, and is open from then on. */
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
