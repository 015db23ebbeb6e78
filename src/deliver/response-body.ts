import { explain } from '../core/errors.ts';
import { maskForeign } from '../core/secret.ts';
import { decodeText } from '../http/charset.ts';
import { isMarkup } from '../http/response.ts';
import type { ExporterOutcome, ExporterResponse } from '../otlp/exchange.ts';
import { readExportResponse, readPartialSuccess } from '../otlp/export-response.ts';

/** Characters of the words that are kept. Longer bodies are stack traces. */
const LONGEST_WORDS = 500;

/** Bytes of a body that are searched for words. */
const SEARCHED_BYTES = 8192;

/**
 * The words of a response or a network error: printable, secrets masked, at most 500 characters. A body may be JSON,
 * text, or a protobuf `Status` under any content type (Loki sends one as `application/octet-stream`).
 */
export function wordsOf(outcome: ExporterOutcome): string {
  return printable(maskForeign('error' in outcome ? explain(outcome.error) : bodyWords(outcome)));
}

function bodyWords({ headers, body: whole, undecoded }: ExporterResponse): string {
  if (undecoded !== undefined) return `it cannot be read: ${undecoded}`;
  const body = whole.subarray(0, SEARCHED_BYTES);
  const { text } = decodeText(body, headers['content-type']);
  const parsed = parseObject(text);
  // Elasticsearch has an object there, with the reason in words.
  const error = asObject(parsed?.['error'])?.['reason'] ?? parsed?.['error'];
  const words = parsed?.['message'] ?? error ?? parsed?.['detail'] ?? statusMessage(body);
  return typeof words === 'string' ? words : text;
}

/** The message of a protobuf `google.rpc.Status`. */
function statusMessage(body: Buffer): string | undefined {
  try {
    return readPartialSuccess(body).errorMessage;
  } catch {
    // Not protobuf: the caller takes the text.
    return undefined;
  }
}

function printable(text: string): string {
  return text
    .replaceAll(/[\p{C}\uFFFD]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_WORDS)
    .toWellFormed();
}

/** Whether the body is a page for people. Its first character tells, since labels are often wrong. */
export function isPage({ headers, body }: ExporterResponse): boolean {
  return isMarkup(decodeText(body.subarray(0, 256), headers['content-type']).text);
}

/** What an accepted request rejected, without duplicates of records that the destination has. */
interface Rejections {
  /** How many were rejected for good; where all are duplicates, how many duplicates. */
  readonly rejected: number;
  /** All rejected records are duplicates. */
  readonly duplicatesOnly: boolean;
  /** The ids of all records that were rejected for good; empty when the words do not name each of them. */
  readonly named: readonly string[];
  /** All were rejected for want of rights. */
  readonly forbidden: boolean;
  /** About the records that were rejected for good. */
  readonly words: string;
}

interface PartialSuccess extends Rejections {
  /** Why the body cannot be read, so that nothing is known. Undefined when it can. */
  readonly unread: string | undefined;
}

/**
 * The `partial_success` of a 2xx body, in either encoding whatever the content type says (OpenObserve labels protobuf
 * as JSON). No body, `{}` and `null` are the plain success that their status says.
 */
export function partialSuccess(outcome: ExporterResponse): PartialSuccess {
  const response = readResponse(outcome);
  if (typeof response === 'string') return unread(response);
  const partial = asObject(response['partialSuccess'] ?? response['partial_success'] ?? {});
  // An int64, so a string in proto3 JSON.
  const rejected = Number(partial?.['rejectedLogRecords'] ?? partial?.['rejected_log_records'] ?? 0);
  if (partial === undefined || !(rejected >= 0)) return unread('its partial success is not of OTLP');
  const message = partial['errorMessage'] ?? partial['error_message'];
  // All of it: what is shown may end before the words about a rejection.
  const rejections = withoutDuplicates(rejected, typeof message === 'string' ? message : '');
  return { ...rejections, words: printable(maskForeign(rejections.words)), unread: undefined };
}

function unread(why: string): PartialSuccess {
  const nothing = { rejected: 0, duplicatesOnly: false, named: [], forbidden: false, words: '' };
  return { ...nothing, unread: printable(maskForeign(why)) };
}

/** What a 2xx says, or why that cannot be read. */
function readResponse({ headers, body, undecoded }: ExporterResponse): Record<string, unknown> | string {
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
    // Not JSON: the caller tries another form.
    return undefined;
  }
}

function parseProtobuf(body: Buffer): Record<string, unknown> | undefined {
  // The only field is number 1. A parser skips other fields, and thus accepts much that is not protobuf at all.
  if (body[0] !== 0x0a) return undefined;
  try {
    return { ...readExportResponse(body) };
  } catch {
    // Not protobuf either.
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

/**
 * Separates duplicates, which are no loss, from records that were rejected. `words`: the whole message of a partial
 * success, since the end of it may name what else was rejected.
 */
function withoutDuplicates(rejected: number, words: string): Rejections {
  const plain = { rejected, duplicatesOnly: false, named: [], forbidden: false, words };
  if (rejected === 0) return plain;
  const groups = elasticsearchGroups(words);
  if (groups.length === 0) return { ...plain, duplicatesOnly: namesOnlyDuplicates(words) };
  const [duplicates, others] = [groups.filter(isDuplicate), groups.filter((group) => !isDuplicate(group))];
  const known = duplicates.reduce((sum, { count }) => sum + count, 0);
  if (others.length === 0 && known >= rejected) return { ...plain, duplicatesOnly: true };
  const lost = Math.max(rejected - known, 1);
  return {
    rejected: lost,
    duplicatesOnly: false,
    named: others.length === lost ? namedBy(others) : [],
    forbidden: others.length > 0 && others.every(({ status }) => NO_RIGHTS.includes(status)),
    words: duplicates.reduce((rest, { text }) => rest.replace(text, ''), words),
  };
}

/** Failures of one index with one status. */
interface Group {
  readonly text: string;
  readonly status: string;
  readonly count: number;
  /** The error of one of them. */
  readonly sample: string;
}

/** How Elasticsearch lists failures: a line for each group, with the status by its name or number. */
const GROUP =
  /\bIndex \[[^\]]*\] returned status \[(\w+)\] for (\d+) documents?(?:\. Sample error message: (.*))?/g;

function elasticsearchGroups(words: string): Group[] {
  return [...words.matchAll(GROUP)].map(([text, status = '', count, sample = '']) => {
    return { text, status, count: Number(count), sample };
  });
}

const NO_RIGHTS: readonly string[] = ['401', 'UNAUTHORIZED', '403', 'FORBIDDEN'];

function isDuplicate({ status }: Group): boolean {
  return status === '409' || status === 'CONFLICT';
}

/** The ids of the documents, when each group is of one document and names it. */
function namedBy(groups: readonly Group[]): readonly string[] {
  const ids = groups.map(({ count, sample }) => {
    return count === 1 ? /\bin document with id '([^']+)'/.exec(sample)?.[1] : undefined;
  });
  return ids.every((id) => id !== undefined) ? ids : [];
}

const STATUS = /\bstatus(?:[ _]?code)?\W{0,4}([1-5]\d\d)\b/gi;
const CONFLICTS =
  /version[ _]conflict(_engine_exception)?|document already exists|already exists|duplicates?|\b409\b|conflicts?/gi;
const OTHER_TROUBLE =
  /\b(4\d\d|5\d\d)\b|error|exception|fail|invalid|illegal|denied|forbidden|too (old|new|large|long|many)|limit|mapp(er|ing)|pars(e|ing)|missing|unknown|unsupported/i;

/** Whether the words name duplicates and nothing else. Words that name nothing do not count. */
function namesOnlyDuplicates(words: string): boolean {
  const statuses = [...words.matchAll(STATUS)].map(([, status]) => status);
  if (statuses.length > 0) return statuses.every((status) => status === '409');
  return words.search(CONFLICTS) !== -1 && !OTHER_TROUBLE.test(words.replaceAll(CONFLICTS, ''));
}

const AGE =
  /too (far )?(old|new|late|behind)|too far in the (future|past)|out of order|older than|in the future|out of (time )?(range|bounds)/i;
const SIZE =
  /too (large|long|big)|too many [\w ]*(attributes|labels)|\b(size|length|bytes)\b.{0,60}\bexceed|exceed.{0,60}\b(size|length|bytes)\b/i;

/** Whether words about a single record are about its own age or size, so that no other record proves it at fault. */
export function wordsAboutItself(words: string): boolean {
  return AGE.test(words) || SIZE.test(words);
}
