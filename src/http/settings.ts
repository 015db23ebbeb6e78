import type { TlsConfig, Environment } from '../config/types.ts';
import type { Authorisation } from '../core/authentication.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { ThrottleTest } from '../core/http.ts';
import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { CommonOptions, Quota } from '../core/source.ts';
import type { RawResponse, SentRequest } from './exchange.ts';
import type { QuotaSpender } from './quota.ts';

/** What the HTTP client of one source needs. */
export interface HttpSettings {
  readonly options: CommonOptions & {
    readonly tls?: TlsConfig | undefined;
    readonly proxy?: Secret | undefined;
  };
  /** The credential. Headers are asked for before each request, because secret files are read again; an authentication once. */
  readonly authorise: () => Authorisation;
  /** The vendor's documented limits; `options.quota` replaces the first, or limits every route when there are none. */
  readonly quotas: readonly Quota[];
  /** See `Source.throttled`. */
  readonly throttled?: ThrottleTest | undefined;
  /** One for the whole process. */
  readonly spender: QuotaSpender;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Ends requests and waits: the stop of the daemon, the deadline of `once`. */
  readonly signal: AbortSignal;
  /** Called right before a request is sent, after its quota was spent. When it throws, nothing is sent. */
  readonly requireValid?: (() => void) | undefined;
  /** Always sent, because one vendor answers 403 to requests without it. */
  readonly userAgent: string;
  /** For HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly env: Environment;
  /** A server that gets every request instead, whatever its origin: the vendor of a trial. Absent: none. */
  readonly standIn?: string | undefined;
  /** Called with each exchange, those of tokens too. It holds credentials: it MUST not be kept or shown as it is. */
  readonly onExchange?: (request: SentRequest, response: RawResponse) => void;
  /** Called after the end of every request that was sent. */
  readonly onRequest?: (report: RequestReport) => void;
  /** Called with the duration of every request, from sending it to the end of its response. Milliseconds. */
  readonly onDuration?: (ms: number) => void;
  /** Called with the time until which a request of this route waits for its quota (epoch ms); undefined: it may be sent. */
  readonly onWait?: (until: number | undefined, route: string) => void;
}

/** The outcome of one request that was sent. */
export interface RequestReport {
  readonly route: string;
  /** `timed-out` and `failed`: there was no complete response. */
  readonly status: number | 'timed-out' | 'failed';
  /** Whether the request had been tried before. */
  readonly retry: boolean;
  /** Present when the vendor throttled the request: nothing is sent on this route before then. Epoch milliseconds. */
  readonly throttledUntil?: number;
  /** How many invalid characters of the response became U+FFFD. */
  readonly replaced?: number;
}
