import { RecordEncoder } from '../../../src/otlp/encode.ts';
import { eachRecord } from '../../../src/otlp/decode.ts';
import { RequestMaker } from '../../../src/otlp/request.ts';
import { events } from '../../deliver/support/events.ts';

/** The bytes of a request with the same events in every process, base64: protobuf, then JSON. */
export function printRequest(): string {
  const identity = { serviceName: undefined, resource: { 'k8s.cluster': 'a' } };
  const pages = new RecordEncoder({}).encode(events(3), Date.parse('2026-01-01T00:00:00Z'));
  return (['http/protobuf', 'http/json'] as const)
    .map((protocol) => {
      const maker = new RequestMaker(identity, { profile: 'elastic-ecs', protocol });
      const records = pages.flatMap(({ dataset, bytes }) =>
        [...eachRecord(bytes)].map((stored) => ({
          feed: maker.feed({ dataset, lane: 'live' }),
          bytes: maker.record(stored, () => ({ dataset, namespace: 'default' })),
        })),
      );
      return Buffer.from(maker.request(records)).toString('base64');
    })
    .join('\n');
}

if (process.argv[1] === import.meta.filename) process.stdout.write(printRequest());
