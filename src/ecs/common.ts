import { DateTime } from 'luxon';
import { isIP } from 'node:net';
import type { CommonOptions, Source } from '../core/source.ts';
import { VERSION } from '../core/version.ts';
import { compact, ECS_VERSION, type EcsEvent, type EcsValue } from '../core/event.ts';
import { toJson } from '../core/json.ts';
import { Unreadable } from '../core/read-record.ts';

/** What all events of one source type have in common. */
export type Origin = Pick<Source, 'vendor' | 'product' | 'dataset' | 'categorisation'>;

/** The configured source of an event, which distinguishes it from others of its type. */
interface Configured {
  readonly name: string;
  readonly options: Pick<CommonOptions, 'base_url'>;
}

interface PageContext {
  /** When the answer was read, epoch ms. */
  readonly observedAt: number;
  /** Absent for test events, which have no source. */
  readonly source?: Configured;
}

/** What one event has besides what it has in common with others. */
interface EventContext {
  /** Becomes `event.id` where the vendor has none. */
  readonly uid: string;
  /** Each becomes `labels.<name>`. */
  readonly labels?: Readonly<Record<string, string>>;
}

const USER_NAMES = /^(?:source\.|destination\.|client\.|server\.)?user\.(?:\w+\.)?(?:name|email)$/;
const USER_IDS = /^(?:source\.|destination\.|client\.|server\.)?user\.(?:\w+\.)?id$/;
const ADDRESSES = /^(?:source|destination|client|server|host)\.(?:nat\.)?ip$/;

/** The fields that all events of a page have in common, for `completeEvent`. */
export function commonFields(
  { vendor, product, dataset, categorisation }: Origin,
  { observedAt, source }: PageContext,
): EcsEvent {
  const observed = isoTime(observedAt);
  return {
    '@timestamp': observed,
    'ecs.version': ECS_VERSION,
    'agent.type': 'penstock',
    'agent.version': VERSION,
    'event.kind': categorisation.kind,
    'event.category': categorisation.category,
    'event.type': categorisation.type,
    'event.dataset': dataset,
    'event.module': dataset.split('.')[0] ?? dataset,
    // The place of each event's own.
    'event.id': '',
    'event.created': observed,
    'observer.vendor': vendor,
    'observer.product': product,
    ...(source !== undefined && {
      'observer.name': source.name,
      'observer.hostname': hostOf(source.options.base_url),
    }),
  };
}

/**
 * Adds the fields that every event has. Fields that the mapping set are kept, empty texts too; values of `related.*` are
 * added to them.
 */
export function completeEvent(
  event: EcsEvent,
  common: EcsEvent,
  { uid, labels = {} }: EventContext,
): EcsEvent {
  const all: Record<string, EcsValue> = { ...common, 'event.id': uid, ...event };
  const { ips, users } = collectRelated(event);
  if (ips.length > 0) all['related.ip'] = ips;
  if (users.length > 0) all['related.user'] = users;
  for (const name of Object.keys(labels)) if (labels[name]) all[`labels.${name}`] = labels[name];
  return all;
}

/** `completeEvent` for an event that has no others beside it. */
export function withCommonFields(
  event: EcsEvent,
  origin: Origin,
  context: PageContext & EventContext,
): EcsEvent {
  return completeEvent(event, commonFields(origin, context), context);
}

/** A cache: there are few URLs and many events. */
const hosts = new Map<string, string>();

/** The host of a URL, without its port; an IPv6 address without its brackets. */
function hostOf(url: string): string {
  const known = hosts.get(url);
  if (known !== undefined) return known;
  const host = new URL(url).hostname.replaceAll(/[[\]]/g, '');
  hosts.set(url, host);
  return host;
}

/** Addresses and users of an event, each once. A user without a name is listed by id, after the others. */
function collectRelated(event: EcsEvent): { ips: readonly string[]; users: readonly string[] } {
  let ips: readonly string[] = NONE;
  let users: readonly string[] = NONE;
  const ids: Role[] = [];
  for (const name in event) {
    const role = roleOf(name);
    if (role.kind === 'ip') ips = withTexts(ips, event[name]);
    else if (role.kind === 'user') users = withTexts(users, event[name]);
    else if (role.kind === 'id') ids.push(role);
  }
  for (const { field, names } of ids) {
    const named = names.some((name) => withTexts(NONE, event[name]).length > 0);
    if (!named) users = withTexts(users, event[field]);
  }
  return { ips, users };
}

/** What a field says of the addresses and users of its event. */
interface Role {
  readonly field: string;
  readonly kind: 'ip' | 'id' | 'user' | 'none';
  /** Of an id: the fields with the name and the address of the same user. */
  readonly names: readonly string[];
}

/** A cache: there are few field names and many events. It stops growing where a vendor makes names up. */
const roles = new Map<string, Role>();
const MOST_ROLES = 10_000;

function roleOf(field: string): Role {
  const known = roles.get(field);
  if (known !== undefined) return known;
  const user = field.slice(0, field.lastIndexOf('.'));
  const role = { field, kind: kindOf(field), names: [`${user}.name`, `${user}.email`] };
  if (roles.size < MOST_ROLES) roles.set(field, role);
  return role;
}

function kindOf(field: string): Role['kind'] {
  if (field === 'related.ip' || ADDRESSES.test(field)) return 'ip';
  if (field === 'related.user' || USER_NAMES.test(field)) return 'user';
  return USER_IDS.test(field) ? 'id' : 'none';
}

const NONE: readonly string[] = [];

/** The list with the texts of a value that it lacks. */
function withTexts(list: readonly string[], value: EcsValue | undefined): readonly string[] {
  if (Array.isArray(value)) return (value as readonly EcsValue[]).reduce(withTexts, list);
  if (typeof value !== 'string' || value === '' || list.includes(value)) return list;
  return list.length === 0 ? [value] : [...list, value];
}

/** `event.kind` of a malformed record. */
export const MALFORMED = 'pipeline_error';

/**
 * The event of a record that does not fit its schema, with the whole record, so that nothing is dropped. Dataset,
 * category, type and the observed time are added with the common fields.
 */
export function malformedEvent(record: unknown, problem: string): EcsEvent {
  return compact({
    'event.kind': MALFORMED,
    'event.original': record instanceof Unreadable ? record.text : toJson(record),
    'error.message': problem,
    message: `A record did not fit its schema: ${problem}`,
  });
}

/** Fields to add when values of a record did not fit and were left out: the whole record, and what was left out. */
export function oddFields(record: unknown, leftOut: string): EcsEvent {
  return { 'event.original': toJson(record), 'error.message': `${LEFT_OUT}${leftOut}` };
}

const LEFT_OUT = 'Left out, since it does not fit: ';

/** Whether an event has what `oddFields` adds. */
export function isOdd(event: EcsEvent): boolean {
  return String(event['error.message']).startsWith(LEFT_OUT);
}

/** Fields that have both `address` and `ip` in ECS. */
export type Party = 'source' | 'destination' | 'client' | 'server';

/**
 * `<party>.address` as the vendor wrote it, and `<party>.ip` only for an IP address: Elasticsearch rejects a document
 * whose `ip` field holds a host name, an empty text or an IPv6 zone.
 */
export function addressOf(party: Party, address: string | undefined): Readonly<Record<string, EcsValue>> {
  if (address === undefined || address === '') return {};
  const fields = { [`${party}.address`]: address };
  return isPlainIp(address) ? { ...fields, [`${party}.ip`]: address } : fields;
}

/** An IPv4 or IPv6 address without a zone, as Elasticsearch's `ip` type accepts it. */
function isPlainIp(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** The first instant whose year has five digits, which date fields do not accept. Epoch ms. */
const YEAR_10000 = 253_402_300_800_000;

/** Whether a value can be the time of an event in epoch milliseconds: an integer from 1970 to the end of 9999. */
export function isTimestamp(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < YEAR_10000;
}

const MINUTE = 60_000;

/** The minute of the time that was written last: the times of a page are near each other. `start`: epoch ms. */
let minute = { start: Number.NaN, text: '' };

/** ISO 8601 in UTC with milliseconds. Throws `RangeError` when `isTimestamp` is false. */
export function isoTime(epochMs: number): string {
  if (!isTimestamp(epochMs)) throw new RangeError(`${String(epochMs)} is not a valid event time.`);
  const start = epochMs - (epochMs % MINUTE);
  // Eight times as fast as `toISOString` for each time.
  if (minute.start !== start)
    minute = { start, text: new Date(start).toISOString().slice(0, -'00.000Z'.length) };
  const digits = String(100_000 + (epochMs % MINUTE));
  return `${minute.text}${digits.slice(1, 3)}.${digits.slice(3)}Z`;
}

/** The change of a counter in a message: `(+12)`, or `(+0, final)` when its bucket is closed. */
export function changeInWords(delta: number, final: boolean): string {
  return `(${delta < 0 ? '' : '+'}${delta}${final ? ', final' : ''})`;
}

interface Bucket {
  /** Its start, epoch ms. */
  readonly from: number;
  readonly unit: 'HOUR' | 'DAY' | 'MONTH';
  /** IANA time zone in which it begins. */
  readonly zone: string;
  /** When the message is made, epoch ms. */
  readonly now: number;
}

/** A bucket of time as people write it: `27 Nov`, `27 Nov 14:00`, `Nov`; with the year unless it is the current one. */
export function bucketInWords({ from, unit, zone, now }: Bucket): string {
  const start = DateTime.fromMillis(from, { zone, locale: 'en-US' });
  const year = start.year === DateTime.fromMillis(now, { zone }).year ? '' : ' yyyy';
  const formats = { HOUR: `d LLL${year} HH:mm`, DAY: `d LLL${year}`, MONTH: `LLL${year}` };
  return start.toFormat(formats[unit]);
}
