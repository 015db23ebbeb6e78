import { Document } from 'yaml';
import * as z from 'zod';
import type { EcsEvent } from '../../core/event.ts';
import { parseJson, toJson } from '../../core/json.ts';
import { Secret } from '../../core/secret.ts';
import type { CommonOptions, Source } from '../../core/source.ts';
import { Anonymiser } from './anonymous.ts';
import { type Exchange, type Fixture, ORIGIN, TOKEN } from './fixture.ts';
import { withEvents } from './fixture-events.ts';
import { durationText } from './options.ts';
import { StandIns } from './stand-ins.ts';

/** An exchange with a vendor, as it was. */
export interface RecordedExchange {
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What was recorded of a source. */
export interface Recording {
  readonly source: Source;
  readonly options: CommonOptions;
  /** When the first request was sent, epoch ms. */
  readonly now: number;
  /** The vendor had more. */
  readonly partial: boolean;
  readonly exchanges: readonly RecordedExchange[];
}

/** What is kept of a recording: the options and the responses, with stand-ins. */
export interface Kept {
  readonly options: Readonly<Record<string, unknown>>;
  readonly fixture: Fixture;
}

/** Common options, which a fixture does without. */
const COMMON =
  /^(?:type|base_url|token|token_file|account|schedule|timezone|quota|timeout|retries|max_response_bytes|ledger|tls|proxy|labels|namespace|shape)$/;
/** An option that names a file; the author puts a key for tests beside the fixture. */
const KEY_FILE = /(?<!token)_file$/;
/** Response headers that say how to go on; all others are left out. */
const KEPT_HEADERS = /^link$|^retry-after$|limit|next|cursor|page|total|count|token|position|after|more/;

/** Replaces secrets and personal values. The requests are those that the source sends for the result. */
export function keptOf({ source, options, now, partial, exchanges }: Recording): Kept {
  const schema = schemaOf(source);
  const standIns = new StandIns();
  const written = writtenOptions(schema, options, standIns);
  const base = (schema['base_url']?.default as string | undefined) ?? ORIGIN;
  const given = { type: source.id, base_url: base, token: TOKEN, ...written };
  const replay = source.options.parse({ ...given, ...keyFiles(options) });
  const values = new Set(Object.values(options).flat().map(String));
  const segments = exchanges.flatMap(({ url }) => url.pathname.split('/'));
  const anonymiser = new Anonymiser(standIns, {
    origin: new URL(options.base_url).origin,
    writtenOrigin: new URL(base).origin,
    segments: new Set(segments.filter((segment) => !values.has(decodeURIComponent(segment)))),
  });
  const responses = exchanges.map((one): Exchange => ({
    request: {},
    response: responseOf(anonymiser, one),
  }));
  const polls = [{ at: 'exchanges', now, exchanges: responses }];
  return { options: written, fixture: { options: replay, polls, partial, events: undefined } };
}

/** The text of a fixture. `requests`: those of the exchanges, in order. */
export function recordedText(
  { options, fixture }: Kept,
  requests: readonly Exchange['request'][],
  events: readonly EcsEvent[],
): string {
  const [poll] = fixture.polls;
  const document = new Document({
    description: 'Recorded. Say what it shows.',
    ...(Object.keys(options).length > 0 && { options }),
    now: new Date(poll?.now ?? 0).toISOString(),
    ...(fixture.partial && { partial: true }),
    exchanges: (poll?.exchanges ?? []).map(({ response }, index) => ({
      request: requests[index] ?? {},
      response,
    })),
  });
  return withEvents(document.toString({ lineWidth: 0 }), events);
}

interface Property {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
}

function schemaOf({ options }: Source): Readonly<Record<string, Property>> {
  const { properties = {} } = z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' });
  return properties as Readonly<Record<string, Property>>;
}

/** The source's own options as a fixture names them. Choices, numbers and durations stay. */
function writtenOptions(
  schema: Readonly<Record<string, Property>>,
  options: CommonOptions,
  standIns: StandIns,
): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const property = schema[name];
    if (COMMON.test(name) || property === undefined || value === undefined) continue;
    let text = property.enum === undefined ? optionText(value, property, standIns) : value;
    if (KEY_FILE.test(name)) text = 'test-key.pem';
    if (text !== property.default) written[name] = text;
  }
  return written;
}

/** The files of keys as they are: their contents sign what only a server of this process gets. */
function keyFiles(options: CommonOptions): object {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => KEY_FILE.test(name) && value !== undefined),
  );
}

function optionText(value: unknown, { type }: Property, standIns: StandIns): unknown {
  if (value instanceof Secret) return standIns.text(value.reveal());
  if (typeof value === 'number' && type === 'string') return durationText(value);
  if (typeof value === 'string') return standIns.text(value);
  return Array.isArray(value) ? value.map((one) => standIns.text(String(one))) : value;
}

function responseOf(
  anonymiser: Anonymiser,
  { status, headers, body }: RecordedExchange,
): Exchange['response'] {
  const kept = Object.entries(headers)
    .filter(([name]) => KEPT_HEADERS.test(name))
    .map(([name, value]) => [name, anonymiser.header(value)] as const);
  return {
    status,
    headers: Object.fromEntries(kept),
    ...(body !== '' && { body: bodyOf(anonymiser, body) }),
  };
}

/** JSON as it is; as text where YAML would lose digits of its integers. */
function bodyOf(anonymiser: Anonymiser, text: string): unknown {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch {
    // A page of another server, say: nothing of it is read but its shape.
    return anonymiser.text(text);
  }
  const body = anonymiser.value(parsed);
  const json = toJson(body);
  return json === JSON.stringify(JSON.parse(json)) ? (JSON.parse(json) as unknown) : json;
}
