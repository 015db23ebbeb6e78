import { DateTime } from 'luxon';
import type { AnswerValue } from './answer.ts';
import { replacedAt } from './path.ts';
import type { TimeFormat } from './time.ts';

/** The parameter of next URLs that the simulated vendor makes. */
export const TOKEN = 'simulated_page';

/** What a token or a next URL stands for: what was asked, and the record after which it goes on. */
export interface Token {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly after?: number | undefined;
}

export function writeToken(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

export function readToken(text: string): Token {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Token;
}

export interface Building {
  body: unknown;
  readonly headers: Record<string, string>;
}

/** Puts a value of the answer where the definition reads it. */
export function put(building: Building, at: AnswerValue, value: unknown): void {
  if ('steps' in at) building.body = replacedAt(building.body, at.steps, value);
  else if ('header' in at) building.headers[at.header.toLowerCase()] = String(value);
  else if ('link' in at) building.headers['link'] = `<${String(value)}>; rel="${at.link}"`;
}

/** An order without any order, always the same. */
export function mixed(number: number): number {
  return (Math.imul(number + 1, 2_654_435_761) >>> 0) % 1_000_003;
}

/** A time as a vendor writes it: for the records of a simulated vendor. */
export function writtenTime(ms: number, { kind, pattern = '', zone = 'utc' }: TimeFormat): string | number {
  if (kind === 'iso') return new Date(ms).toISOString();
  if (kind === 'epoch_s') return ms / 1_000;
  if (kind === 'epoch_ms') return ms;
  if (kind === 'epoch_us') return ms * 1_000;
  if (kind === 'epoch_ns') return `${ms}000000`;
  return DateTime.fromMillis(ms, { zone, locale: 'en-US' }).toFormat(pattern);
}
