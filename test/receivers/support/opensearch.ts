import { readFile } from 'node:fs/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { serve, type SimulatedAnswer, type SimulatedRequest } from '../../../src/simulators/server.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { forward } from './forward.ts';
import { startService } from './service.ts';

/** One node on loopback. */
export interface OpenSearch extends AsyncDisposable {
  /**
   * Where it passes for Elasticsearch: the exporter fails a request whose answer does not say so in a header, though only
   * after it was carried out.
   */
  readonly url: string;
  /** Every document of an index, or of all that a pattern names, as of now. */
  documents(index: string): Promise<readonly Hit[]>;
  search(index: string, query: object): Promise<SearchAnswer>;
}

/** A document as a search finds it. */
export interface Hit {
  readonly _id: string;
  readonly _source: Readonly<Record<string, unknown>>;
}

interface SearchAnswer {
  readonly hits: { readonly total: { readonly value: number }; readonly hits: readonly Hit[] };
  readonly aggregations?: Readonly<Record<string, { readonly buckets: readonly Bucket[] }>>;
}

interface Bucket {
  readonly key: string;
  readonly doc_count: number;
}

/** A search shows no more than this by default (`index.max_result_window`). */
const MOST = 10_000;

const RUNNER = 'org.codelibs.opensearch.runner.OpenSearchRunner';

/** Starts it with the templates of `deploy/elastic`. The runner chooses a port by itself, and prints it. */
export async function startOpenSearch(folder: string): Promise<OpenSearch> {
  await using started = new AsyncDisposableStack();
  const data = started.use(await temporaryDirectory());
  const node = started.use(
    await startService({
      command: 'java',
      args: ['-Xmx1g', '-cp', `${folder}/lib/*`, RUNNER, '-basePath', data.path, '-numOfNode', '1'],
      cwd: data.path,
      ready: async (output) => (await fetch(`${urlOf(output)}/_cluster/health?wait_for_status=yellow`)).ok,
    }),
  );
  const own = urlOf(node.output());
  const proxy = started.use(await serve((request) => asElasticsearch(own, request), { clock: systemClock }));
  const store = new Store(proxy.url, started.move());
  await store.put('/_component_template/penstock@mappings', await template('component-template'));
  await store.put('/_index_template/penstock', await template('index-template'));
  return store;
}

class Store implements OpenSearch {
  readonly url: string;
  readonly #resources: AsyncDisposableStack;

  constructor(url: string, resources: AsyncDisposableStack) {
    this.url = url;
    this.#resources = resources;
  }

  put(path: string, body: string): Promise<unknown> {
    return this.#ask('PUT', path, body);
  }

  async documents(index: string): Promise<readonly Hit[]> {
    await this.#ask('POST', `/${index}/_refresh`);
    const { hits } = await this.search(index, { size: MOST, track_total_hits: true });
    if (hits.total.value > MOST)
      throw new Error(`${hits.total.value} documents are more than a search shows`);
    return hits.hits;
  }

  async search(index: string, query: object): Promise<SearchAnswer> {
    return (await this.#ask('POST', `/${index}/_search`, JSON.stringify(query))) as SearchAnswer;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }

  async #ask(method: string, path: string, body?: string): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
    return JSON.parse(answer);
  }
}

async function asElasticsearch(url: string, request: SimulatedRequest): Promise<SimulatedAnswer> {
  const answer = await forward(url, request);
  return { ...answer, headers: { ...answer.headers, 'x-elastic-product': 'Elasticsearch' } };
}

function urlOf(output: string): string {
  return `http://127.0.0.1:${/HTTP Port: +(\d+)/.exec(output)?.[1]}`;
}

function template(name: string): Promise<string> {
  return readFile(new URL(`../../../deploy/elastic/${name}.json`, import.meta.url), 'utf8');
}
