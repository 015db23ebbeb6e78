/** A line of the log as it is written: nested fields by their ECS names. */
export type Line = Readonly<Record<string, unknown>>;

type Fields = Readonly<Record<string, unknown>>;

/** What a terminal shows of a line: its values stand in the sentence. */
type Sentence = (own: Fields, line: Line) => string;

/** By the message of a line, which is fixed. */
const SENTENCES: Readonly<Record<string, Sentence>> = {
  'Started.': ({ version, configuration, state, sources, destinations }) =>
    `Started Penstock ${words(version)} with ${words(configuration, 'no configuration file')}, state in ${words(state)}; ${listed('source', sources)}; ${listed('destination', destinations)}.`,
  'Request failed; retrying.': ({ retry, retries, retry_after_ms: wait }) =>
    `Request failed; retry ${words(retry)} of ${words(retries)} in ${seconds(wait)}.`,
  'Source recovered.': ({ source, stream }) => `Source ${named(source, stream)} has recovered.`,
  'Destination recovered.': ({ destination }) => `Destination ${words(destination)} has recovered.`,
  'Destination unavailable; events are queued.': ({ destination, retry_after_ms: wait }) =>
    `Destination ${words(destination)} is unavailable; events are queued. Retry in ${seconds(wait)}.`,
  'Job started.': ({ request }) => `${job(request)} started.`,
  'Job finished.': ({ request }) => `${job(request)} finished.`,
  'Hourly summary.': ({ collected, delivered, rejected, gaps, backlog }) =>
    `In the last hour: ${words(collected)} collected, ${words(delivered)} delivered, ${words(rejected)} rejected, ${words(gaps)} ${gaps === 1 ? 'gap' : 'gaps'}; ${words(backlog, 'an unknown number')} waiting.`,
  'The state of a source changed.': ({ source, ...rest }) => `Source ${words(source)} ${nowIs(rest)}`,
  'The state of a destination changed.': ({ destination, ...rest }) =>
    `Destination ${words(destination)} ${nowIs(rest)}`,
  'Ended.': ({ summary }) => words(summary),
};

/** The line with its sentence, where there is one; what the sentence says is not repeated below it. */
export function inSentence(line: Line): Line {
  const { message, penstock, ...rest } = line;
  const sentence = typeof message === 'string' ? SENTENCES[message] : undefined;
  if (sentence === undefined) return line;
  return { ...rest, message: sentence((penstock ?? {}) as Fields, line) };
}

function words(value: unknown, absent = '?'): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : absent;
}

/** `is now refused; next try at 2026-03-02T12:00:00.000Z.` */
function nowIs({ state, next_try_at: next }: Fields): string {
  return `is now ${words(state)}${next === undefined ? '' : `; next try at ${words(next)}`}.`;
}

/** `Backfill #1`. */
function job(request: unknown): string {
  const { id, kind } = (request ?? {}) as Fields;
  const name = words(kind);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} #${words(id)}`;
}

function named(source: unknown, stream: unknown): string {
  return words(stream, '') === '' ? words(source) : `${words(source)} (${words(stream)})`;
}

function listed(thing: string, names: unknown): string {
  const list = Array.isArray(names) ? names.map(String) : [];
  return `${list.length} ${thing}${list.length === 1 ? '' : 's'}: ${list.join(', ')}`;
}

/** `3 s`, `0.4 s`, `2 min`. */
export function seconds(ms: unknown): string {
  if (typeof ms !== 'number') return '?';
  if (ms >= 120_000) return `${Math.round(ms / 60_000)} min`;
  return ms >= 1_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 100) / 10} s`;
}
