import { identityOf } from '../core/stream-key.ts';
import type { SourceConfig } from '../config/types.ts';
import { createHttp, type SourceHttp } from '../http/client.ts';
import type { HttpSettings } from '../http/settings.ts';
import type { Journal } from '../journal/journal.ts';
import type { CommonOptions, SourceContext } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import { VERSION } from '../core/version.ts';

/** What the HTTP client of a source is made of, besides its configuration. */
export type HttpParts = Omit<HttpSettings, 'options' | 'authorise' | 'quotas' | 'userAgent'>;

/** The client of one source, with its credential and its budgets; dispose it to close its connections. */
export function openHttp(parts: HttpParts, { definition, options }: SourceConfig): SourceHttp {
  return createHttp({
    ...parts,
    options,
    authorise: () => definition.authorise(options),
    quotas: definition.quotas(options),
    userAgent: `penstock/${VERSION}`,
  });
}

interface RunParts {
  readonly journal: Pick<Journal, 'cursors'>;
  readonly http: SourceHttp;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly mode: SourceContext<CommonOptions>['mode'];
}

/** What a source is lent for its sweeps, made once per source and process. */
export function lendRun(
  { journal, http, ...lent }: RunParts,
  config: SourceConfig,
): SourceContext<CommonOptions> {
  return {
    ...lent,
    http,
    options: config.options,
    now: () => http.vendorNow(),
    cursors: () => journal.cursors(identityOf(config)),
    memo: new Map(),
  };
}
