import { DateTime } from 'luxon';
import { Providers } from '../../../src/otlp/providers.ts';
import { toLogRecord } from '../../../src/otlp/records.ts';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { events } from '../../deliver/support/events.ts';

/** The bytes of a request with the same events in every process, base64: protobuf, then JSON. */
export function printRequest(): string {
  const providers = new Providers(
    { serviceName: undefined, resource: { 'k8s.cluster': 'a' } },
    'elastic-ecs',
  );
  const page = {
    source: 'console',
    dataset: 'qradar.login_attempts',
    observedAt: DateTime.utc(2026).toMillis(),
  };
  const records = events(3).map((journaled) => ({
    dataset: page.dataset,
    lane: 'live' as const,
    record: toLogRecord(journaled, page, { profile: 'elastic-ecs', namespaceOf: () => undefined }),
  }));
  return [ProtobufLogsSerializer, JsonLogsSerializer]
    .map((serializer) =>
      Buffer.from(serializer.serializeRequest(providers.gather(records)) ?? []).toString('base64'),
    )
    .join('\n');
}

if (process.argv[1] === import.meta.filename) process.stdout.write(printRequest());
