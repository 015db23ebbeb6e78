import type { Clock, Random } from '../core/clock.ts';
import type { Secret } from '../core/secret.ts';
import type { TlsConfig } from '../config/types.ts';
import type { CommonOptions, Quota } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import type { Budgets } from './budget.ts';
import type { Http } from '../core/http.ts';

/** What the HTTP client of one source is made of. */
export interface HttpSettings {
  readonly options: CommonOptions & {
    readonly tls?: TlsConfig | undefined;
    readonly proxy?: Secret | undefined;
  };
  /** The headers that carry the credential; asked anew for every request. */
  readonly authorise: () => Readonly<Record<string, string>>;
  /** The vendor's documented limits; `options.quota` replaces the first, or limits everything where there are none. */
  readonly quotas: readonly Quota[];
  /** One for the whole process: see `Budgets`. */
  readonly budgets: Budgets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Ends requests and waits: the stop of the daemon, the deadline of `once`. */
  readonly signal: AbortSignal;
  /** Always sent: one vendor answers 403 to requests without. */
  readonly userAgent: string;
  /** For HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of every request that was sent, after its end. */
  readonly onRequest?: (told: RequestTold) => void;
  /** Told how long every request took, from sending it to the end of its answer. Milliseconds. */
  readonly onDuration?: (ms: number) => void;
  /** Told until when a request of this route waits for its budget (epoch ms); undefined: it is granted. */
  readonly onWait?: (until: number | undefined, route: string) => void;
}

export interface RequestTold {
  readonly route: string;
  /** `timed-out` and `failed`: there was no whole answer. */
  readonly status: number | 'timed-out' | 'failed';
  /** Whether it was a further try of a request. */
  readonly retry: boolean;
  /** The vendor throttled us: no request of this route is sent before then. Epoch milliseconds. */
  readonly throttledUntil?: number;
  /** Characters of its answer that stand for bytes that are none in its charset. */
  readonly replaced?: number;
}

/** The client as the pipeline holds it; a source is lent its `Http`. Dispose it to close its connections. */
export interface SourceHttp extends Http, AsyncDisposable {
  /** How many requests of this route its budget grants in one window; Infinity without a quota. */
  capacity(route: string): number;
  /** The vendor's clock: ours, corrected by the `Date` of its last answer. Epoch milliseconds. */
  vendorNow(): number;
  /** Requests sent since it was made, retries and redirects too. */
  readonly requests: number;
}
