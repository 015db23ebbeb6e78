import { BlockList } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runCli, workspace } from '../support/cli.ts';
import { multiset } from '../support/truth.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type EcsEvent, type JournaledEvent, nest } from '../../src/core/event.ts';
import { type DemoVendors, startDemoVendors } from '../../src/simulators/demo.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { built } from './support/built.ts';
import { startCollector } from './support/collector.ts';
import { startDeadlyProxy } from './support/deadly-proxy.ts';
import { type OpenSearch, startOpenSearch } from './support/opensearch.ts';
import { journaled } from './support/state.ts';

const DATASETS = [
  'botbye.declined_requests',
  'jsa.login_attempts',
  'petra.failed_attacks',
  'petra.incidents',
  'qradar.login_attempts',
];

/** Attacks come from here (RFC 5737). */
const NETWORK = { address: '198.51.100.0', prefix: 24 };

/** All five source types, with some hours of history; no more happens when they are stopped. */
async function startVendors(): Promise<DemoVendors> {
  const stop = new AbortController();
  const vendors = await startDemoVendors({ clock: systemClock, random: seeded(11), signal: stop.signal });
  return {
    ...vendors,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await vendors[Symbol.asyncDispose]();
    },
  };
}

function configuration(vendors: DemoVendors, endpoint: string, profile: string, folder: string): string {
  return stringify({
    state: { path: `${folder}/state` },
    // Requests so small that there are many; a data stream for each profile.
    destinations: {
      elastic: { endpoint, profile, namespace: namespaceOf(profile), max_request_bytes: 32_768 },
    },
    sources: vendors.sources,
  });
}

function namespaceOf(profile: string): string {
  return profile.replace('-', '_');
}

function inNetwork({ event }: JournaledEvent): boolean {
  const network = new BlockList();
  network.addSubnet(NETWORK.address, NETWORK.prefix);
  const address = event['source.ip'];
  return typeof address === 'string' && network.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

function sorted(values: Iterable<string>): string[] {
  return [...values].toSorted();
}

/** What a document is in each mapping mode. */
const DOCUMENTS: Readonly<Record<string, (journaled: JournaledEvent) => object>> = {
  'elastic-bodymap': ({ event }) => nest({ ...event, ...routing(event, namespaceOf('elastic-bodymap')) }),
  // The exporter in this mode adds who sent it, leaves ids and mode in the document, and writes nanoseconds.
  'elastic-ecs': ({ uid, event }) =>
    nest({
      ...event,
      '@timestamp': String(event['@timestamp']).replace('Z', '000000Z'),
      'elastic.mapping.mode': 'ecs',
      ...routing(event, namespaceOf('elastic-ecs')),
      'log.record.uid': uid,
      'elasticsearch.document_id': uid,
      'agent.name': 'otlp',
      'service.name': 'penstock',
      'service.namespace': String(event['event.dataset']),
    }),
};

function routing(event: EcsEvent, namespace: string): EcsEvent {
  return {
    'data_stream.type': 'logs',
    'data_stream.dataset': String(event['event.dataset']),
    'data_stream.namespace': namespace,
  };
}

const { folders, skipped } = await built('collector', 'opensearch');

describe.skipIf(skipped !== '')(`Penstock → Collector → OpenSearch${skipped}`, () => {
  let store: OpenSearch;
  beforeAll(async () => {
    store = await startOpenSearch(folders.opensearch);
  });
  afterAll(() => store[Symbol.asyncDispose]());

  it.each(['elastic-ecs', 'elastic-bodymap'] as const)(
    '%s: every event of the five source types is one document, though killed twice after sending',
    async (profile) => {
      await using vendors = await startVendors();
      await using receiver = await startCollector(folders.collector, profile, {
        env: { ELASTICSEARCH_URL: store.url },
      });
      await using proxy = await startDeadlyProxy(receiver.url);
      await using space = await workspace((folder) => configuration(vendors, proxy.url, profile, folder));
      const once = ['once', '-c', space.config];

      await proxy.kill(once, 1);
      await proxy.kill(once, 2);
      const { code, stderr } = await runCli(once);

      expect(code, stderr).toBe(0);
      const events = await journaled(`${space.path}/state`);
      expect(sorted(new Set(events.map(({ event }) => String(event['event.dataset']))))).toEqual(DATASETS);
      const streams = `logs-*-${namespaceOf(profile)}`;
      const hits = await store.documents(streams);
      expect(sorted(hits.map(({ _id }) => _id))).toEqual(sorted(events.map(({ uid }) => uid)));
      expect(await valuesThatDidNotFit(streams)).toBe(0);
      expect(refusals(receiver.output())).toEqual([]);
      const documents = new Map(hits.map(({ _id, _source }) => [_id, _source]));
      for (const sent of events) expect(documents.get(sent.uid)).toEqual(DOCUMENTS[profile]?.(sent));
      await expectRightAnswers(events, streams);
    },
  );

  /** Documents with a field that is not indexed, since its value is of another type. */
  async function valuesThatDidNotFit(streams: string): Promise<number> {
    const { hits } = await store.search(streams, { query: { exists: { field: '_ignored' } } });
    return hits.total.value;
  }

  async function expectRightAnswers(events: readonly JournaledEvent[], streams: string): Promise<void> {
    const { hits, aggregations } = await store.search(streams, {
      size: 0,
      track_total_hits: true,
      query: { term: { 'source.ip': `${NETWORK.address}/${NETWORK.prefix}` } },
      aggs: { outcomes: { terms: { field: 'event.outcome' } } },
    });
    const right = events.filter(inNetwork);
    const outcomes = right.flatMap(({ event }) => event['event.outcome'] ?? []).map(String);
    expect(right.length).toBeGreaterThan(0);
    expect(hits.total.value).toBe(right.length);
    expect(
      new Map(aggregations?.['outcomes']?.buckets.map(({ key, doc_count }) => [key, doc_count])),
    ).toEqual(multiset(outcomes));
  }
});

/** Documents that the store refused; a repeat that it has already is none. */
function refusals(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => /failed to index|flush error|dropping/i.test(line))
    .filter((line) => !line.includes('version_conflict_engine_exception'));
}
