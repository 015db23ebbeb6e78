import type { HrTime } from '@opentelemetry/api';
import type { ProtobufReader, ProtobufWriter } from './protobuf.ts';

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,9})\d*)?(?:Z|[+-]\d{2}:\d{2})$/;

/** What `ISO` allows, in the form that events have nearly always. Only the first instant of hour 24 is a time. */
const PLAIN = /^\d{4}-\d{2}-\d{2}T(?!24)\d{2}:\d{2}:[0-5]\d\.\d{3}Z$/;

/** OTLP counts nanoseconds since 1970 in 64 bits without sign: the last whole second that fits (July 2554). */
const LAST_SECOND = 18_446_744_073;

/** A time as OTLP carries it, and whether that is the time that was meant. */
export interface OtlpTime {
  readonly time: HrTime;
  /** False: it is the first or the last time that OTLP can express. */
  readonly exact: boolean;
}

/**
 * An ISO 8601 time as [seconds, nanoseconds] since the epoch, with every digit of the text up to nanoseconds: milliseconds
 * would lose digits of a vendor's time. Undefined when the text is not such a time.
 */
export function otlpTimeOf(text: unknown): OtlpTime | undefined {
  if (typeof text !== 'string') return undefined;
  if (PLAIN.test(text)) {
    const millis = plainMillis(text);
    return clamped(Math.floor(millis / 1000), (millis % 1000) * 1e6);
  }
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [whole, fraction = ''] = match;
  return clamped(Math.floor(Date.parse(whole) / 1000), Number(fraction.padEnd(9, '0')));
}

/** The minute of the plain time that was read last: the times of a page are near each other. `start`: epoch ms. */
let minute = { text: ' ', start: 0 };

/** Epoch ms of a plain time; NaN when there is no such day or hour. */
function plainMillis(text: string): number {
  if (!text.startsWith(minute.text)) {
    const until = text.slice(0, -'00.000Z'.length);
    minute = { text: until, start: Date.parse(`${until}00.000Z`) };
  }
  return minute.start + Number(text.slice(-7, -5)) * 1000 + Number(text.slice(-4, -1));
}

function clamped(seconds: number, nanos: number): OtlpTime | undefined {
  if (Number.isNaN(seconds)) return undefined;
  if (seconds < 0) return { time: [0, 0], exact: false };
  if (seconds >= LAST_SECOND) return { time: [LAST_SECOND, 0], exact: false };
  return { time: [seconds, nanos], exact: true };
}

/** Remembers the time that it read last, because many events have the same. */
export class LastTime {
  #text: unknown;
  #time: OtlpTime | undefined;

  /** As `otlpTimeOf`. */
  of(text: unknown): OtlpTime | undefined {
    if (text !== this.#text) [this.#text, this.#time] = [text, otlpTimeOf(text)];
    return this.#time;
  }
}

/** Epoch milliseconds as OTLP carries them. */
export function otlpTimeOfMillis(millis: number): HrTime {
  return [Math.floor(millis / 1000), (millis % 1000) * 1e6];
}

/** Writes a time as fixed64 nanoseconds. No step exceeds the 53 bits of a double. */
export function writeTime(writer: ProtobufWriter, [seconds, nanos]: HrTime): void {
  const upper = Math.floor(seconds / 0x1_0000) * 1e9;
  const lower = (seconds % 0x1_0000) * 1e9 + nanos + (upper % 0x1_0000) * 0x1_0000;
  writer.fixed64(lower % 2 ** 32, Math.floor(upper / 0x1_0000) + Math.floor(lower / 2 ** 32));
}

/** A time as whole milliseconds since the epoch and the nanoseconds after them. */
interface Moment {
  readonly millis: number;
  /** From 0 to 999,999. */
  readonly nanos: number;
}

/** Reads fixed64 nanoseconds. No step exceeds the 53 bits of a double. */
export function readTime(reader: ProtobufReader): Moment {
  const [low, high] = reader.fixed64();
  // 2^32 nanoseconds are 4,294 milliseconds and 967,296 nanoseconds.
  const rest = high * 967_296 + low;
  return { millis: high * 4294 + Math.floor(rest / 1e6), nanos: rest % 1e6 };
}

/** ISO 8601 in UTC with milliseconds, and more digits when there are any. */
export function isoOf({ millis, nanos }: Moment): string {
  const text = new Date(millis).toISOString();
  if (nanos === 0) return text;
  return `${text.slice(0, -1)}${String(nanos).padStart(6, '0').replace(/0+$/, '')}Z`;
}
