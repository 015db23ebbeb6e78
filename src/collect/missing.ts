import { identityOf } from '../config/source-identity.ts';
import type { Config } from '../config/types.ts';
import type { GapState, JournalView, StreamState } from '../journal/journal.ts';
import { streamKey } from '../journal/stream-key.ts';
import { uncovered } from '../journal/spans.ts';
import type { Span } from '../source.ts';

/** `reason` of a span that nobody asked the vendor for: before the first poll, or while nothing polled. */
const NEVER_ASKED = 'never-asked';

/** A span that is not there, or (`closed`) was not for a time. Times are epoch ms. */
export interface MissingSpan extends Omit<GapState, 'opened'> {
  readonly source: string;
  /** Undefined for what was never asked. */
  readonly opened: number | undefined;
}

interface Question {
  /** Only of this source, by name. */
  readonly source?: string | undefined;
  /** Only within this span, and then also what was never asked in it. */
  readonly asked?: Span | undefined;
  /** Also gaps that were closed since. */
  readonly closed: boolean;
}

/** What was not collected, and why: by stream, in the order of time. */
export async function missing(
  view: Pick<JournalView, 'streams' | 'gaps' | 'coverage'>,
  { sources }: Config,
  { source, asked, closed }: Question,
): Promise<readonly MissingSpan[]> {
  const wanted = (name: string) => source === undefined || name === source;
  const streams = (await view.streams()).filter((stream) => wanted(stream.source));
  const found: MissingSpan[] = [];
  for (const stream of streams) found.push(...(await missingOf(view, stream, { asked, closed })));
  if (asked === undefined) return found;
  const unknown = sources.filter(
    ({ name }) => wanted(name) && !streams.some((stream) => stream.source === name),
  );
  for (const config of unknown) {
    const key = streamKey({ ...identityOf(config), scope: '' });
    found.push(neverAsked({ source: config.name, key }, asked));
  }
  return found;
}

async function missingOf(
  view: Pick<JournalView, 'gaps' | 'coverage'>,
  stream: StreamState,
  { asked, closed }: Omit<Question, 'source'>,
): Promise<MissingSpan[]> {
  const gaps = await view.gaps(stream.key);
  const shown = gaps
    .filter((gap) => (closed || gap.closed === undefined) && (asked === undefined || overlap(gap, asked)))
    .map((gap): MissingSpan => ({ ...gap, source: stream.source }));
  if (asked === undefined || stream.orphaned) return shown;
  const open = gaps.filter((gap) => gap.closed === undefined);
  const rest = uncovered(asked, [...(await view.coverage(stream.key)), ...open]);
  return [...shown, ...rest.map((span) => neverAsked(stream, span))].toSorted((a, b) => a.from - b.from);
}

function neverAsked({ source, key }: Pick<StreamState, 'source' | 'key'>, span: Span): MissingSpan {
  return {
    ...span,
    source,
    stream: key,
    part: '',
    reason: NEVER_ASKED,
    opened: undefined,
    closed: undefined,
  };
}

function overlap(a: Span, b: Span): boolean {
  return a.from < b.to && b.from < a.to;
}
