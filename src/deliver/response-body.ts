import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { maskForeign } from '../core/secret.ts';
import { explain } from '../core/errors.ts';
import { decodeText } from '../http/charset.ts';
import { type Rejection, withoutDuplicates } from './duplicates.ts';
import type { ExportOutcome, ExportResponse } from '../otlp/exchange.ts';

/** Longer bodies are somebody's stack trace. */
const LONGEST_WORDS = 500;

/** As much of a body as is looked through for words. */
const LOOKED_THROUGH = 8192;

/**
 * The words of an answer or a network error: printable, secrets masked, at most 500 characters. A body may be JSON,
 * text, or a protobuf `Status` under any content type (Loki sends one as `application/octet-stream`).
 */
export function wordsOf(seen: ExportOutcome): string {
  return printable(maskForeign('error' in seen ? explain(seen.error) : bodyWords(seen)));
}

function bodyWords({ headers, body: whole, undecoded }: ExportResponse): string {
  if (undecoded !== undefined) return `it cannot be read: ${undecoded}`;
  const body = whole.subarray(0, LOOKED_THROUGH);
  const { text } = decodeText(body, headers['content-type']);
  const parsed = parseObject(text);
  // Elasticsearch has an object there, with the reason in words.
  const error = asObject(parsed?.['error'])?.['reason'] ?? parsed?.['error'];
  const told = parsed?.['message'] ?? error ?? parsed?.['detail'] ?? statusMessage(body);
  return typeof told === 'string' ? told : text;
}

/**
 * The message of a protobuf `google.rpc.Status`. Its fields 1 and 2 are a number and a string as those of a partial
 * success are, so it is read as one, with the tag and the length of that before it.
 */
function statusMessage(body: Buffer): unknown {
  const { length } = body;
  const wrapped = Buffer.concat([Buffer.from([0x0a, (length & 0x7f) | 0x80, length >>> 7]), body]);
  return asObject(parseProtobuf(wrapped)?.['partialSuccess'])?.['errorMessage'];
}

function printable(text: string): string {
  return text
    .replaceAll(/[\p{C}\uFFFD]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_WORDS)
    .toWellFormed();
}

/** A page for people, not an answer for machines: known by its first character, since labels are often wrong. */
export function isPage({ headers, body }: ExportResponse): boolean {
  return /^\s*</.test(decodeText(body.subarray(0, 256), headers['content-type']).text);
}

export interface PartialSuccess extends Rejection {
  /** Why nothing is known of that: the body cannot be read. Undefined when it can. */
  readonly unread: string | undefined;
}

/**
 * The `partial_success` of a 2xx body, in either encoding whatever the content type says (OpenObserve labels protobuf
 * as JSON). No body, `{}` and `null` are the plain success that their status says.
 */
export function partialSuccess(seen: ExportResponse): PartialSuccess {
  const response = readResponse(seen);
  if (typeof response === 'string') return unread(response);
  const partial = response['partialSuccess'] ?? response['partial_success'] ?? {};
  const told = asObject(partial);
  // An int64, so a string in proto3 JSON.
  const rejected = Number(told?.['rejectedLogRecords'] ?? told?.['rejected_log_records'] ?? 0);
  if (told === undefined || !(rejected >= 0)) return unread('its partial success is not of OTLP');
  const said = told['errorMessage'] ?? told['error_message'];
  // All of it: what is shown may end before the words about a refusal.
  const words = typeof said === 'string' ? said : '';
  const rejection = withoutDuplicates(rejected, words);
  return { ...rejection, words: printable(maskForeign(rejection.words)), unread: undefined };
}

function unread(why: string): PartialSuccess {
  return {
    rejected: 0,
    duplicatesOnly: false,
    named: [],
    forbidden: false,
    words: '',
    unread: printable(maskForeign(why)),
  };
}

/** What a 2xx says, or why that cannot be read. */
function readResponse({ headers, body, undecoded }: ExportResponse): Record<string, unknown> | string {
  const type = headers['content-type'];
  const { text } = decodeText(body, type);
  if (/^\s*(null\s*)?$/.test(text)) return {};
  const response = parseObject(text) ?? parseProtobuf(body);
  return response ?? undecoded ?? `it is neither JSON nor protobuf of OTLP (content-type: ${type ?? 'none'})`;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    // Not JSON: the caller looks for another form.
    return undefined;
  }
}

function parseProtobuf(body: Buffer): Record<string, unknown> | undefined {
  // Its only field is number 1. A parser passes over others, and thus takes much that is no protobuf at all.
  if (body[0] !== 0x0a) return undefined;
  try {
    return asObject(ProtobufLogsSerializer.deserializeResponse(body));
  } catch {
    // Not protobuf either.
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

const AGE =
  /too (far )?(old|new|late|behind)|too far in the (future|past)|out of order|older than|in the future|out of (time )?(range|bounds)/i;
const SIZE =
  /too (large|long|big)|too many [\w ]*(attributes|labels)|\b(size|length|bytes)\b.{0,60}\bexceed|exceed.{0,60}\b(size|length|bytes)\b/i;

/** Whether words about a record alone blame its own age or size, so that no other record could tell more. */
export function wordsAboutItself(words: string): boolean {
  return AGE.test(words) || SIZE.test(words);
}
