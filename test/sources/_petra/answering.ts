import { pino } from 'pino';
import { answering } from '../../support/answering.ts';
import { ecsProblems } from '../../support/ecs-rules.ts';
import { UnexpectedAnswerError } from '../../../src/core/errors.ts';
import type { Http } from '../../../src/core/http.ts';
import { readRecord } from '../../../src/core/read-record.ts';
import type { CommonOptions, Observation, Source, StreamContext } from '../../../src/core/source.ts';
import { malformedEvent, oddFields, withCommonFields } from '../../../src/ecs/common.ts';

const NOW = Date.parse('2026-03-10T12:00:00Z');

const LOG = pino({ enabled: false });

/** The options of a source with nothing but what is required. */
export function plainOptions(source: Source): CommonOptions {
  return source.options.parse({ type: source.id, base_url: 'http://127.0.0.1:9', token: 'the key' });
}

/**
 * What a poll observes when every request is answered with this body, undefined when it refuses the answer as a whole;
 * thousands of answers a second, without a socket.
 */
export async function observe(
  source: Source,
  options: CommonOptions,
  body: unknown,
): Promise<readonly Observation[] | undefined> {
  const http: Http = {
    request: (request) => answering(body, request, NOW),
    get: (request) => answering(body, request, NOW),
    available: async () => 0,
    recall: () => undefined,
  };
  const run: StreamContext<CommonOptions> = {
    options,
    http,
    log: LOG,
    now: () => NOW,
    signal: new AbortController().signal,
    mode: 'once',
    cursors: async () => new Map(),
    memo: new Map(),
    scope: { id: 'ZZk90t' },
    known: async () => new Map(),
    async *ledger() {},
    coverage: async () => [],
  };
  try {
    const pages = await Array.fromAsync(source.poll(run, undefined));
    return pages.flatMap(({ observations }) => observations);
  } catch (error) {
    if (error instanceof UnexpectedAnswerError) return undefined;
    throw error;
  }
}

/** What is wrong with the events of the observations. */
export function problemsOf(source: Source, observations: readonly Observation[] = []): readonly string[] {
  const mapping = {
    scope: { id: '' },
    observedAt: NOW,
    reason: 'new',
    previous: undefined,
    delta: 1,
  } as const;
  return observations.flatMap(({ record }) => {
    const reading = readRecord(source.record, record);
    const event =
      'problem' in reading
        ? malformedEvent(record, reading.problem)
        : { ...source.normalise(reading.data, mapping), ...oddFields(record, reading.leftOut ?? '') };
    return ecsProblems(
      withCommonFields(event, source, {
        uid: 'an id',
        observedAt: NOW,
        source: { name: 'petra', options: { base_url: 'http://127.0.0.1:9' } },
      }),
    );
  });
}
