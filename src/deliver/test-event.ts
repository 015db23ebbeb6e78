import type { DestinationConfig } from '../config/types.ts';
import { withCommonFields } from '../ecs/common.ts';
import { PENSTOCK } from '../ecs/own-events.ts';
import { digest } from '../ecs/uid.ts';
import type { FeedRecord } from '../otlp/providers.ts';
import { toLogRecord } from '../otlp/records.ts';

/** `event.dataset` of test events. */
const DATASET = 'penstock.test';

/** A record that says of itself that it is a test, in the shape that the destination wants. `now`: epoch ms. */
export function testParcel(destination: DestinationConfig, now: number): { uid: string; parcel: FeedRecord } {
  const uid = digest('test', destination.name, now);
  const origin = { ...PENSTOCK, dataset: DATASET };
  const event = withCommonFields(
    {
      'event.action': 'test-event-sent',
      tags: ['test'],
      message: `Test event of \`penstock check --send-test\` for destination ${destination.name}: it means nothing, and can be deleted.`,
    },
    origin,
    { uid, observedAt: now },
  );
  const page = { source: '', dataset: DATASET, observedAt: now };
  const shaping = { profile: destination.profile, namespaceOf: () => destination.namespace };
  const record = toLogRecord({ uid, event }, page, shaping);
  return { uid, parcel: { dataset: DATASET, lane: 'live', record } };
}
