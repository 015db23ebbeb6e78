import type { DestinationConfig } from '../../../src/config/types.ts';
import type { EcsEvent, JournaledEvent } from '../../../src/core/event.ts';

/** A login attempt as the journal holds it. */
export function event(number: number, fields: EcsEvent = {}): JournaledEvent {
  return {
    uid: `uid-${number}`,
    event: {
      '@timestamp': '2026-03-02T11:59:00.123Z',
      'ecs.version': '9.4.0',
      'event.kind': 'event',
      'event.category': ['authentication'],
      'event.type': ['start'],
      'event.action': 'login',
      'event.dataset': 'qradar.login_attempts',
      'event.module': 'qradar',
      'event.created': '2026-03-02T12:00:00.000Z',
      'event.sequence': number,
      message: `User number ${number} failed to log in`,
      ...fields,
    },
  };
}

export function events(count: number, from = 0): JournaledEvent[] {
  return Array.from({ length: count }, (_, index) => event(from + index));
}

export function destination(url: string, overrides: Partial<DestinationConfig> = {}): DestinationConfig {
  return {
    name: 'siem',
    url: `${url}/v1/logs`,
    protocol: 'http/protobuf',
    profile: 'attributes',
    headers: {},
    compression: 'gzip',
    timeout: 10_000,
    maxRequestBytes: 900_000,
    maxEventAge: undefined,
    tls: {},
    sources: undefined,
    tenants: undefined,
    namespace: undefined,
    ...overrides,
  };
}
