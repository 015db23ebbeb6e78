import type { Http } from '../../core/http.ts';
import type { Logger } from '../../core/log.ts';
import { Answer, shapeOf } from './answer.ts';
import { Pager } from './pager.ts';
import { valueAt } from './path.ts';
import type { CommonOptions, SourceContext } from '../../core/source.ts';
import type { Definition, Expand } from './definition.ts';
import { optionValues } from './terms.ts';
import { canonical } from '../_kit/keys.ts';
import type { Observed } from './records.ts';
import type { Variables } from './template.ts';

/** Fetches the details of records. */
export class Expansion {
  readonly #expand: Expand;
  readonly #http: Http;
  readonly #log: Logger;
  readonly #variables: () => Variables;

  private constructor(
    expand: Expand,
    http: Http,
    { log, variables }: { readonly log: Logger; readonly variables: () => Variables },
  ) {
    this.#expand = expand;
    this.#http = http;
    this.#log = log;
    this.#variables = variables;
  }

  /** Undefined for a definition without `expand`. */
  static of(
    { expand, optionTypes }: Pick<Definition, 'expand' | 'optionTypes'>,
    http: Http,
    { log, options }: Pick<SourceContext<CommonOptions>, 'log' | 'options'>,
  ): Expansion | undefined {
    const variables = () => ({ options: optionValues(optionTypes, options) });
    return expand && new Expansion(expand, http, { log, variables });
  }

  /** The observations, with details in place of the records whose keys are in `news`. Those without a detail stay. */
  async detail(observed: readonly Observed[], news: ReadonlySet<string>): Promise<readonly Observed[]> {
    const isWanted = ({ key, record }: Observed) => news.has(key) && record.problem === undefined;
    const ids = new Map<string, unknown>();
    for (const { record } of observed.filter(isWanted)) {
      const id = valueAt(record.record, this.#expand.ids);
      const name = canonical(id);
      if (name !== undefined) ids.set(name, id);
    }
    const details = await this.#fetch([...ids.values()]);
    const missing = ids.size - details.size;
    if (missing > 0)
      this.#log.warn(
        { penstock: { records: missing } },
        'The vendor sent no detail for some records; they are shipped as listed.',
      );
    return observed.map((one) => {
      if (!isWanted(one)) return one;
      const detail = details.get(canonical(valueAt(one.record.record, this.#expand.ids)) ?? '');
      if (detail === undefined) return { ...one, record: { ...one.record, isUndetailed: true } };
      return { ...one, record: { ...one.record, record: detail }, original: detail };
    });
  }

  /** The details of these ids, by canonical id. */
  async #fetch(ids: readonly unknown[]): Promise<ReadonlyMap<string, unknown>> {
    const { size, request, records, key } = this.#expand;
    const details = new Map<string, unknown>();
    const wanted = new Set(ids.map(canonical));
    for (let from = 0; from < ids.length; from += size) {
      const some = ids.slice(from, from + size);
      const pager = new Pager({
        request,
        paging: { kind: 'none' },
        variables: { ...this.#variables(), ids: some },
        shape: shapeOf(records),
      });
      const answer = new Answer(await this.#http.request(pager.first()), records);
      for (const detail of answer.rows) {
        const id = canonical(valueAt(detail, key));
        if (id !== undefined && wanted.has(id)) details.set(id, detail);
      }
    }
    return details;
  }
}
