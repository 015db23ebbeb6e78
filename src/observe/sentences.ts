import { counted } from '../core/text.ts';

/** A line of the log as it is written: nested fields by their ECS names. */
export type Line = Readonly<Record<string, unknown>>;

type Fields = Readonly<Record<string, unknown>>;

/** What a terminal shows for a message: a sentence with the line's values in it. */
interface Sentence {
  /** `own`: the fields below `penstock`. */
  readonly text: (own: Fields, line: Line) => string;
  /** The fields besides `penstock` that the sentence contains, so that they are not shown again below it. */
  readonly uses?: readonly string[];
}

/** Sentences by the message of a line, which is fixed, so that JSON logs can be searched for it. */
export const SENTENCES: Readonly<Record<string, Sentence>> = {
  'Started.': {
    text: ({ version, configuration, state, sources, destinations }) =>
      `Started Penstock ${words(version)} with ${words(configuration, 'no configuration file')}, state in ${words(state)}; ${listed('source', sources)}; ${listed('destination', destinations)}.`,
  },
  'Admin endpoint listening.': {
    text: (_, { server }) =>
      `Admin endpoint listening on ${listening(fieldsOf(server)['address'], fieldsOf(server)['port'])}.`,
    uses: ['server'],
  },
  'Waiting for the state: a command holds it.': waitingForState('a command holds it'),
  'Waiting for the state: it cannot be read or written.': waitingForState('it cannot be read or written'),
  'Reload rejected; keeping the previous configuration.': {
    text: (_, line) => `Reload rejected; keeping the previous configuration: ${errorOf(line)}.`,
    uses: ['error'],
  },
  'Request failed; retrying.': {
    text: ({ source, retry, retries, retry_after_ms: wait }, line) =>
      `${about('Source', source)}Request failed (${errorOf(line)}); retry ${words(retry)} of ${words(retries)} in ${seconds(wait)}.`,
    uses: ['error'],
  },
  'Request is waiting for its quota.': {
    text: ({ source }, { event }) =>
      `${about('Source', source)}A request waits for the quota of ${route(fieldsOf(event)['reason'])} until ${clockTime(fieldsOf(event)['end'])}.`,
    uses: ['event'],
  },
  'The vendor asked us to wait.': {
    text: ({ source }, { event, http }) =>
      `${about('Source', source)}The vendor asked us to wait until ${clockTime(fieldsOf(event)['end'])} (HTTP ${words(fieldsOf(fieldsOf(http)['response'])['status_code'])}).`,
    uses: ['event', 'http'],
  },
  'Source recovered.': {
    text: ({ source, stream }) => `Source ${named(source, stream)} has recovered.`,
    uses: ['event'],
  },
  'Polling paused: the credential was rejected. Replace it or correct its rights; it is tried once an hour, and at once when a secret file changes.':
    {
      text: ({ source, stream, next_try_at: next }) =>
        `Source ${named(source, stream)}: polling paused, because the credential was rejected. Replace it or correct its rights${attempt(next)}, or at once when a secret file changes.`,
    },
  'Polling paused: the vendor rejected the request. Correct the options of the source, then reload or restart.':
    {
      text: ({ source, stream }) =>
        `Source ${named(source, stream)}: polling paused, because the vendor rejected the request. Correct the options of the source, then reload or restart.`,
    },
  'Poll failed; its cursor is kept. Action required: see the error.': failedPoll('Action required.'),
  'Poll failed; its cursor is kept. The next poll tries again.': failedPoll('The next poll tries again.'),
  'A gap: this span could not be read completely. `penstock gaps` lists what is missing and why.': {
    text: ({ gap }) => {
      const { source, stream, reason, from, to } = fieldsOf(gap);
      return `Gap in source ${named(source, stream)}: ${words(from)} to ${words(to)} could not be read completely (${words(reason)}). See \`penstock gaps\`.`;
    },
  },
  'The ledger is nearly at ledger.max. At the limit its oldest entries are deleted, and their records are sent again if the vendor returns them again. Raise ledger.max if the disk has room, or find out why the vendor returns so many records.':
    {
      text: ({ source, ledger }) =>
        `Source ${words(source)}: the ledger holds ${mebibytes(fieldsOf(ledger)['bytes'])} of at most ${mebibytes(fieldsOf(ledger)['max'])} (ledger.max). At the limit its oldest entries are deleted, and their records are sent again if the vendor returns them again. Raise ledger.max if the disk has room, or find out why the vendor returns so many records.`,
    },
  'A response is not valid in its charset: invalid characters became U+FFFD (the replacement character). Ask the vendor to declare the charset that it sends. Later ones are only counted (penstock_replaced_characters_total).':
    {
      text: ({ source, charset, replaced_characters: count }) =>
        `${about('Source', source)}A response is not valid ${words(charset).toUpperCase()}: ${countedIn(count, 'character', 'characters')} became U+FFFD (the replacement character). Ask the vendor to declare the charset that it sends. Later ones are only counted (penstock_replaced_characters_total).`,
    },
  'Destination recovered.': {
    text: ({ destination }) => `Destination ${words(destination)} has recovered.`,
    uses: ['http'],
  },
  'Destination unavailable; events are queued.': {
    text: ({ destination, retry_after_ms: wait }) =>
      `Destination ${words(destination)} is unavailable; events are queued. Retry in ${seconds(wait)}.`,
  },
  'Destination is paused; its records are kept, and it is tried again every minute.': {
    text: ({ destination, advice }, line) =>
      `Destination ${words(destination)} is paused; its events are kept, and it is tried again every minute. ${errorOf(line)}. ${words(advice, '')}`.trimEnd(),
    uses: ['error'],
  },
  'Events became dead letters: `penstock dead-letters list` shows them and why. This is logged again when there are ten times as many.':
    {
      text: ({ destination, dead_letters: count }, line) =>
        `${countedIn(count, 'event was', 'events were')} rejected by destination ${words(destination)}: ${errorOf(line)}. See \`penstock dead-letters list\`.`,
      uses: ['error', 'http'],
    },
  'Destination accepts no events, and its backlog exceeds backlog.max: the oldest events are skipped for it until it accepts events again. `penstock gaps` lists what it misses.':
    {
      text: ({ gap }) => {
        const { destination, events } = fieldsOf(gap);
        return `Destination ${words(destination)} accepts no events, and its backlog exceeds backlog.max: ${countedIn(events, 'event was', 'events were')} skipped, the oldest first. See \`penstock gaps\`.`;
      },
    },
  'Job started.': { text: ({ request }) => `${job(request)} started.` },
  'Job finished.': {
    text: ({ request }, { event }) =>
      `${job(request)} finished: ${withoutFullStop(fieldsOf(event)['reason'])}.`,
    uses: ['event', 'process'],
  },
  'Job finished incompletely.': {
    text: ({ request }, { event }) =>
      `${job(request)} finished incompletely: ${withoutFullStop(fieldsOf(event)['reason'])}.`,
    uses: ['event', 'process'],
  },
  'Hourly summary.': {
    text: ({ collected, delivered, rejected, gaps, backlog }) =>
      `In the last hour: ${words(collected)} collected, ${words(delivered)} delivered, ${words(rejected)} rejected, ${countedIn(gaps, 'gap', 'gaps')}; ${words(backlog, 'an unknown number')} waiting.`,
  },
  'The state of a source changed.': {
    text: ({ source, ...rest }, line) => `Source ${words(source)} ${nowIs(rest, line)}`,
    uses: ['error'],
  },
  'The state of a destination changed.': {
    text: ({ destination, ...rest }, line) => `Destination ${words(destination)} ${nowIs(rest, line)}`,
    uses: ['error'],
  },
  'Done.': { text: ({ summary }) => words(summary) },
  'Not done.': { text: ({ summary }) => words(summary) },
};

/** The line as a terminal shows it: with its sentence where it has one, and without the fields in the sentence. */
export function inSentence(line: Line): Line {
  const { message, ...fields } = line;
  const sentence = typeof message === 'string' ? SENTENCES[message] : undefined;
  if (sentence === undefined) return line;
  const used = ['penstock', ...(sentence.uses ?? [])];
  const rest = Object.fromEntries(Object.entries(fields).filter(([name]) => !used.includes(name)));
  return { ...rest, message: sentence.text(fieldsOf(fields['penstock']), line) };
}

function waitingForState(why: string): Sentence {
  return { text: (_, line) => `Waiting for the state: ${why}. ${errorOf(line)}.`, uses: ['error'] };
}

function failedPoll(then: string): Sentence {
  return {
    text: ({ source, stream }, line) =>
      `Source ${named(source, stream)}: the poll failed; its cursor is kept. ${errorOf(line)}. ${then}`,
    uses: ['error'],
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function words(value: unknown, absent = '?'): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : absent;
}

/** What a line says, without the full stop at its end. */
function withoutFullStop(value: unknown): string {
  return words(value).replace(/\.$/, '');
}

function errorOf({ error }: Line): string {
  return withoutFullStop(fieldsOf(error)['message']);
}

function about(what: string, name: unknown): string {
  return typeof name === 'string' ? `${what} ${name}: ` : '';
}

/** `is now refused: console answered 401; next try at 04:19.` */
function nowIs({ state, next_try_at: next }: Fields, { error }: Line): string {
  const why = error === undefined ? '' : `: ${withoutFullStop(fieldsOf(error)['message'])}`;
  return `is now ${words(state)}${why}${next === undefined ? '' : `; next try at ${clockTime(next)}`}.`;
}

function attempt(next: unknown): string {
  return next === undefined ? '; it is tried once an hour' : `; next attempt at ${clockTime(next)}`;
}

/** `04:19`, on the clock that the lines of a terminal show; the whole time where it is no time. */
function clockTime(value: unknown): string {
  const time = new Date(words(value));
  return Number.isNaN(time.getTime()) ? words(value) : time.toTimeString().slice(0, 5);
}

/** `127.0.0.1:9464`: with the real port when the configured one is 0. */
function listening(address: unknown, port: unknown): string {
  return words(address).replace(/:0$/, `:${words(port)}`);
}

function mebibytes(bytes: unknown): string {
  return typeof bytes === 'number' ? `${(bytes / 1024 / 1024).toFixed(1)} MiB` : '?';
}

function route(name: unknown): string {
  return name === '*' ? 'the source' : words(name);
}

/** `Backfill #1`. */
function job(request: unknown): string {
  const { id, kind } = fieldsOf(request);
  const name = words(kind);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} #${words(id)}`;
}

function named(source: unknown, stream: unknown): string {
  return words(stream, '') === '' ? words(source) : `${words(source)} (${words(stream)})`;
}

/** A count from a line, which may lack it. */
function countedIn(count: unknown, one: string, many: string): string {
  return typeof count === 'number' ? counted(count, one, many) : `? ${many}`;
}

function listed(thing: string, names: unknown): string {
  const list = Array.isArray(names) ? names.map(String) : [];
  return `${counted(list.length, thing)}: ${list.join(', ')}`;
}

/** `3 s`, `0.4 s`, `2 min`. */
export function seconds(ms: unknown): string {
  if (typeof ms !== 'number') return '?';
  if (ms >= 120_000) return `${Math.round(ms / 60_000)} min`;
  return ms >= 1_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 100) / 10} s`;
}
