import type { EcsEvent } from '../../../src/ecs/event.ts';
import type { LoginAttempt } from '../../../src/simulators/qradar-entry.ts';
import source from '../../../src/sources/qradar-login-attempts/index.ts';
import { toJson } from '../../../src/json.ts';
import type { DrivenClock } from '../../support/driven-clock.ts';
import { SourceLab } from '../../support/source-lab.ts';

export const TOKEN = 'token-of-an-authorised-service';

/** A lab for the collector against a console. */
export function labFor(
  { url }: { readonly url: string },
  clock: DrivenClock,
  config: Readonly<Record<string, unknown>> = {},
): SourceLab {
  return new SourceLab({
    source,
    baseUrl: url,
    clock,
    config: { token: TOKEN, resolve_users: false, ...config },
  });
}

export function attempt(attempt_time: number, more: Partial<LoginAttempt> = {}): LoginAttempt {
  return {
    attempt_time,
    user_id: 7,
    remote_ip: '192.0.2.1',
    attempt_result: 'SUCCESS',
    attempt_method: 'LOGIN_PAGE',
    ...more,
  };
}

const FIELDS = ['attempt_time', 'user_id', 'remote_ip', 'attempt_result', 'attempt_method'] as const;

/** Rows as sorted texts, to compare two multisets. */
export function multiset(rows: readonly Partial<Record<keyof LoginAttempt, unknown>>[]): string[] {
  return rows.map((row) => toJson(FIELDS.map((name) => String(row[name])))).toSorted();
}

/** The vendor's fields of the events that were told, as rows. */
export function toldRows({ told }: SourceLab): Record<string, unknown>[] {
  return told.map(({ event }) => rowOf(event));
}

function rowOf(event: EcsEvent): Record<string, unknown> {
  return Object.fromEntries(FIELDS.map((name) => [name, event[`qradar.login_attempt.${name}`]]));
}
