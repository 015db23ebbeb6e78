import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent } from '../../src/core/event.ts';
import { Providers, type FeedRecord } from '../../src/otlp/providers.ts';
import { toLogRecord } from '../../src/otlp/records.ts';
import { recordSize } from '../../src/otlp/sizes.ts';
import { event } from '../deliver/support/events.ts';

const PROFILES = ['attributes', 'elastic-ecs', 'elastic-bodymap', 'json-body'] as const;
const ENCODINGS = ['http/protobuf', 'http/json'] as const;

const text = fc.string({ unit: 'binary', maxLength: 300 });
const number = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer(), fc.constant(2 ** 49));
const value = fc.oneof(text, number, fc.boolean(), fc.array(text), fc.array(number));
const name = fc.stringMatching(/^[a-z]{1,8}$/).map((word) => `vendor.${word}`);
const fields = fc.dictionary(name, value, { maxKeys: 40 }) as fc.Arbitrary<EcsEvent>;

function records(events: readonly EcsEvent[], profile: (typeof PROFILES)[number]): FeedRecord[] {
  return events.map((fields_, index) => {
    const lane = index % 3 === 0 ? 'backfill' : 'live';
    const dataset = index % 2 === 0 ? 'qradar.login_attempts' : 'penstock.gaps';
    const page = { source: 'console', dataset, observedAt: 0 };
    const record = toLogRecord(event(index, fields_), page, { profile, namespaceOf: () => undefined });
    return { dataset, lane, record };
  });
}

describe.each(ENCODINGS)('%s', (encoding) => {
  test.each(PROFILES)(
    'the size of a request of profile %s is bounded closely before it is made',
    (profile) => {
      const providers = new Providers({ serviceName: undefined, resource: {} }, profile);
      fc.assert(
        fc.property(fc.array(fields, { minLength: 1, maxLength: 8 }), (events) => {
          const sent = records(events, profile);
          const feeds = Map.groupBy(sent, ({ lane, dataset }) => `${lane} ${dataset}`);
          const overhead = [...feeds.values()].reduce(
            (sum, [first]) => sum + (first === undefined ? 0 : providers.overhead(first, encoding)),
            0,
          );

          const bound = sent.reduce((sum, { record }) => sum + recordSize(record, encoding), overhead);
          const exact = providers.exactSize(sent, encoding);

          expect(bound).toBeGreaterThanOrEqual(exact);
          expect(bound - exact).toBeLessThanOrEqual(feeds.size * 200 + sent.length * 40 + exact * 0.05);
        }),
        { numRuns: 60 },
      );
    },
  );
});
