import type { DestinationConfig } from '../../../src/config/types.ts';
import type { JournaledEvent } from '../../../src/core/event.ts';
import { eachRecord } from '../../../src/otlp/decode.ts';
import { RequestMaker } from '../../../src/otlp/request.ts';
import { encoded } from '../../support/records.ts';

type Shape = Pick<DestinationConfig, 'profile' | 'protocol'>;

/** Makes requests of a Penstock without a name of its own. */
export function requestMaker(shape: Partial<Shape> = {}): RequestMaker {
  const identity = { serviceName: undefined, resource: {} };
  return new RequestMaker(identity, { profile: 'attributes', protocol: 'http/protobuf', ...shape });
}

/** A request with these events. */
export function requestOf(events: readonly JournaledEvent[], shape: Partial<Shape> = {}): Uint8Array {
  const requests = requestMaker(shape);
  const records = encoded(events).flatMap(({ dataset, bytes }) =>
    [...eachRecord(bytes)].map((stored) => ({
      feed: requests.feed({ dataset, lane: 'live' }),
      bytes: requests.record(stored, () => ({ dataset, namespace: 'default' })),
    })),
  );
  return requests.request(records);
}
