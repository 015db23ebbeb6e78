import { DateTime } from 'luxon';
import type { EcsEvent } from '../../src/core/event.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';

/** How often each value occurs. */
export function multiset(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** A login attempt by its five fields, as the console has it. */
export function tupleOf(row: LoginAttempt): string {
  return [row.attempt_time, row.user_id, row.remote_ip, row.attempt_result, row.attempt_method].join(' ');
}

/** A login attempt by its five fields, as it arrived. */
export function arrivedTuple({ record: { attributes } }: ReceivedRecord): string {
  const vendor = String(attributes['event.module']);
  return ['attempt_time', 'user_id', 'remote_ip', 'attempt_result', 'attempt_method']
    .map((name) => String(attributes[`${vendor}.login_attempt.${name}`]))
    .join(' ');
}

/** The first record of each id; throws when a repeat differs from it in a single byte. */
export function distinct(ids: ReadonlyMap<string, readonly ReceivedRecord[]>): ReceivedRecord[] {
  return [...ids].map(([uid, [first, ...repeats]]) => {
    if (first === undefined) throw new Error(`no record has the id ${uid}`);
    const different = repeats.find(({ bytes }) => !Buffer.from(bytes).equals(Buffer.from(first.bytes)));
    if (different !== undefined) throw new Error(`a repeat of ${uid} is not the same to the byte`);
    return first;
  });
}

/** The ECS document of a record, as a store would have it. */
export function arrivedEvent({ record }: ReceivedRecord): EcsEvent {
  const { 'log.record.uid': _, ...fields } = record.attributes as EcsEvent;
  const time = DateTime.fromMillis(Number(record.timeUnixNano / 1_000_000n), {
    zone: 'utc',
  }).toISO() as string;
  return { ...fields, '@timestamp': time, message: String(record.body) };
}

/** A nested document as a flat one; the inverse of `nest`. */
export function flatten(document: Readonly<Record<string, unknown>>, path = ''): EcsEvent {
  const entries = Object.entries(document).flatMap(([name, value]) => {
    const nested = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (nested) return Object.entries(flatten(value as Record<string, unknown>, `${path}${name}.`));
    return [[`${path}${name}`, value] as const];
  });
  return Object.fromEntries(entries) as EcsEvent;
}
