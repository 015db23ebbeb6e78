import type { Clock } from '../core/clock.ts';
import { counted, showDuration } from '../core/text.ts';
import type { SourceConfig, TlsConfig } from '../config/types.ts';
import {
  explain,
  OutOfBudgetError,
  PenstockError,
  RefusedError,
  StateError,
  ThrottledError,
  TimedOutError,
  UnauthorisedError,
  VendorError,
} from '../core/errors.ts';
import { toJson } from '../core/json.ts';
import type { SourceHttp } from '../http/client.ts';
import type { CommonOptions, Finding, SourceContext } from '../core/source.ts';
import { predictedPoll } from '../core/schedule.ts';
import type { GetRequest, Http, HttpResponse, HttpRequest } from '../core/http.ts';

interface ProbeParts {
  readonly config: SourceConfig;
  /** Without retries. */
  readonly http: SourceHttp;
  readonly source: SourceContext<CommonOptions>;
  readonly clock: Clock;
  readonly shared: SharedResponses;
}

/**
 * What `penstock check` finds about a source, with at most one request per route: connection, credential, the findings of
 * the source's own probe, the clocks, and how long a poll takes. Rejects only for a bug.
 */
export async function probeSource({
  config,
  http,
  source,
  clock,
  shared,
}: ProbeParts): Promise<readonly Finding[]> {
  const { definition } = config;
  const client = new ProbeClient(http, clock, config, shared);
  const findings: Finding[] = [];
  let streams: number | undefined;
  let failure: unknown;
  try {
    const probe = definition.probe?.({ ...source, http: client, now: () => client.now() });
    if (probe === undefined) return [unprobed(config)];
    let step = await probe.next();
    for (; step.done !== true; step = await probe.next()) findings.push(step.value);
    streams = step.value;
  } catch (error) {
    failure = error;
  }
  return [
    ...reachability(config, client, failure),
    ...findings,
    ...(failure === undefined ? [] : [failureFinding(failure)]),
    ...clockFindings(client, Math.min(SKEW, definition.clockTolerance?.(config.options) ?? SKEW)),
    ...(streams === undefined ? [] : [quotaFinding(config, streams)]),
  ];
}

function unprobed({ name }: SourceConfig): Finding {
  return {
    probe: 'connection',
    verdict: 'warn',
    detail: 'Sources of this type cannot be checked without a poll.',
    advice: `Try a poll that writes nothing: penstock preview ${name}`,
  };
}

/** Whether the vendor answered at all, and whether it accepted the credential. */
function reachability(config: SourceConfig, { answered }: ProbeClient, failure: unknown): Finding[] {
  const met = answered || isAnswerOf(config.options, failure);
  const findings = met ? [connection(config.options)] : [];
  if (!answered || failure instanceof UnauthorisedError) return findings;
  return [...findings, { probe: 'credentials', verdict: 'ok', detail: 'accepted', advice: '' }];
}

/** An endpoint for tokens may be elsewhere, and says nothing of `base_url`. */
function isAnswerOf({ base_url }: CommonOptions, failure: unknown): boolean {
  if (!(failure instanceof VendorError) || failure.status === undefined) return false;
  return URL.parse(failure.url)?.origin === new URL(base_url).origin;
}

function connection(options: CommonOptions & { readonly tls?: TlsConfig | undefined }): Finding {
  const probe = 'connection';
  if (options.tls?.insecure_skip_verify === true) {
    return {
      probe,
      verdict: 'warn',
      detail: `${options.base_url} answers; its certificate is not verified.`,
      advice: 'Set tls.ca_file and tls.server_name instead of tls.insecure_skip_verify.',
    };
  }
  return { probe, verdict: 'ok', detail: `${options.base_url} answers`, advice: '' };
}

/** Clocks further apart than this are a warning, unless the source tolerates less. Milliseconds. */
const SKEW = 60_000;
/** `Date` has whole seconds. Milliseconds. */
const DATE_PRECISION = 2_000;
/** `Date` has whole seconds and answers take time, so clocks nearer than this count as equal. Milliseconds. */
const PRECISION = 5_000;

function clockFindings({ ahead, answered }: ProbeClient, limit: number): Finding[] {
  const probe = 'clock';
  if (ahead === undefined && !answered) return [];
  if (ahead === undefined) {
    return [
      {
        probe,
        verdict: 'warn',
        detail: "The vendor's answers have no Date header, so Penstock uses this host's clock.",
        advice: "Keep this host's clock synchronised (NTP), and check whether a proxy removes the header.",
      },
    ];
  }
  const apart = `The vendor's clock is ${showDuration(Math.abs(ahead))} ${ahead < 0 ? 'behind' : 'ahead of'} ours`;
  if (Math.abs(ahead) > Math.max(limit, DATE_PRECISION)) {
    const advice =
      'Synchronise both clocks (NTP). Windows follow the vendor’s clock, so nothing is lost; times in the log are ours.';
    return [{ probe, verdict: 'warn', detail: apart, advice }];
  }
  const near = Math.abs(ahead) < PRECISION;
  return [{ probe, verdict: 'ok', detail: near ? "The vendor's clock matches" : apart, advice: '' }];
}

function quotaFinding(config: SourceConfig, streams: number): Finding {
  const quota = config.options.quota ?? config.definition.quotas(config.options)[0];
  const poll = `a poll of ${counted(streams, 'stream')}`;
  const detail =
    quota === undefined
      ? `no limit; ${poll} needs at least ${counted(streams, 'request')}`
      : `${counted(quota.requests, 'request')} per ${showDuration(quota.per)}; ${poll} needs about ${showDuration(predictedPoll(config, streams))}`;
  return { probe: 'quota', verdict: 'ok', detail, advice: '' };
}

type Failed = Pick<Finding, 'probe' | 'advice'>;

/** The error that ended a probe, as a finding. Rethrows a bug, and a state that cannot be used. */
export function failureFinding(error: unknown): Finding {
  if (!(error instanceof PenstockError) || error instanceof StateError) throw error;
  return { ...whatFailed(error), verdict: 'fail', detail: explain(error) };
}

function whatFailed(error: PenstockError): Failed {
  if (error instanceof OutOfBudgetError) {
    return {
      probe: 'quota',
      advice: 'Run penstock check again and let it wait for a free slot, or raise `quota`.',
    };
  }
  if (error instanceof ThrottledError) {
    return {
      probe: 'quota',
      advice:
        'Run penstock check again after that time; lower `quota` if other programs use this credential.',
    };
  }
  if (error instanceof UnauthorisedError) {
    return {
      probe: 'credentials',
      advice:
        error.status === 401
          ? 'Put a valid credential into the configuration or its secret file, then run penstock check again.'
          : 'Grant the owner of the credential access to this API, then run penstock check again.',
    };
  }
  if (error instanceof TimedOutError) {
    return {
      probe: 'connection',
      advice: 'Check the network path to it, and raise `timeout` if it is only slow.',
    };
  }
  if (error instanceof RefusedError) {
    return { probe: 'request', advice: 'Correct base_url and the options that the answer mentions.' };
  }
  if (error instanceof VendorError && error.status === undefined) {
    return { probe: 'connection', advice: 'Check base_url, `tls` and `proxy` on this host.' };
  }
  return { probe: 'answer', advice: 'Check base_url, and any proxy between this host and the vendor.' };
}

interface ProbeResponse {
  readonly answer: HttpResponse;
  /** How far the vendor's clock was ahead of ours, ms; undefined for an answer without a `Date`. */
  readonly ahead: number | undefined;
}

/**
 * The responses of one check by credential and request: sources that share a credential request a shared route once.
 */
export type SharedResponses = Map<string, Promise<ProbeResponse>>;

/** A client that notes what responses say besides their bodies. */
class ProbeClient implements Http {
  /** Some request was answered with success. */
  answered = false;
  /** How far the vendor's clock is ahead of ours, ms; undefined while no answer had a `Date`. */
  ahead: number | undefined;
  readonly #http: SourceHttp;
  readonly #clock: Clock;
  readonly #config: SourceConfig;
  readonly #shared: SharedResponses;

  constructor(http: SourceHttp, clock: Clock, config: SourceConfig, shared: SharedResponses) {
    this.#http = http;
    this.#clock = clock;
    this.#config = config;
    this.#shared = shared;
  }

  /** The vendor's clock, epoch ms. */
  now(): number {
    return this.#clock.now() + (this.ahead ?? 0);
  }

  get(request: GetRequest): Promise<HttpResponse> {
    return this.request(request);
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const key = this.#keyOf(request);
    const response = this.#shared.get(key) ?? this.#send(request);
    this.#shared.set(key, response);
    try {
      const { answer, ahead } = await response;
      this.answered = true;
      this.ahead = ahead ?? this.ahead;
      return answer;
    } catch (error) {
      // A rejection has a `Date` as well; without one, the client's clock equals ours.
      const ahead = this.#ahead();
      if (Math.abs(ahead) >= 1_000) this.ahead = ahead;
      throw error;
    }
  }

  available(route: string): Promise<number> {
    return this.#http.available(route);
  }

  recall(ahead: number): void {
    this.#http.recall(ahead);
  }

  async #send(request: HttpRequest): Promise<ProbeResponse> {
    const answer = await this.#http.request(request);
    return { answer, ahead: answer.headers['date'] === undefined ? undefined : this.#ahead() };
  }

  #ahead(): number {
    return this.#http.vendorNow() - this.#clock.now();
  }

  #keyOf(request: HttpRequest): string {
    return `${this.#config.options.base_url} ${this.#http.quotaName('')} ${toJson(request)}`;
  }
}
