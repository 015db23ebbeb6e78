import type { Clock } from '../core/clock.ts';
import { showDuration } from '../core/show-duration.ts';
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
import type { SourceHttp } from '../http/client.ts';
import type { CommonOptions, Finding, SourceContext } from '../core/source.ts';
import { predictedPoll } from '../core/schedule.ts';
import { budgetName } from '../http/budget.ts';
import type { Http, HttpAnswer, HttpRequest } from '../core/http.ts';

interface ProbeParts {
  readonly config: SourceConfig;
  /** Without retries. */
  readonly http: SourceHttp;
  readonly run: SourceContext<CommonOptions>;
  readonly clock: Clock;
  readonly shared: SharedAnswers;
}

/**
 * All that `penstock check` finds out about a source, at most one request a route: the way there, the credential, what
 * the source's own probe looks at, the clocks, and how long a sweep will take. Rejects only for a bug.
 */
export async function probeSource({
  config,
  http,
  run,
  clock,
  shared,
}: ProbeParts): Promise<readonly Finding[]> {
  const { definition } = config;
  const hearing = new Hearing(http, clock, config, shared);
  const findings: Finding[] = [];
  let streams: number | undefined;
  let failure: unknown;
  try {
    const probe = definition.probe?.({ ...run, http: hearing, now: () => hearing.now() });
    if (probe === undefined) return [unprobed(config)];
    let step = await probe.next();
    for (; step.done !== true; step = await probe.next()) findings.push(step.value);
    streams = step.value;
  } catch (error) {
    failure = error;
  }
  return [
    ...reach(config, hearing, failure),
    ...findings,
    ...(failure === undefined ? [] : [failureFinding(failure)]),
    ...clockFindings(hearing, Math.min(SKEW, definition.clockTolerance?.(config.options) ?? SKEW)),
    ...(streams === undefined ? [] : [sweepFinding(config, streams)]),
  ];
}

function unprobed({ name }: SourceConfig): Finding {
  return {
    probe: 'connection',
    verdict: 'warn',
    detail: 'This source type has nothing that could be asked without a poll.',
    advice: `Try a poll that writes nothing: penstock preview ${name}`,
  };
}

/** That there was an answer at all, and that the credential was taken. */
function reach(config: SourceConfig, { answered }: Hearing, failure: unknown): Finding[] {
  const met = answered || (failure instanceof VendorError && failure.status !== undefined);
  const findings = met ? [connection(config.options)] : [];
  if (!answered || failure instanceof UnauthorisedError) return findings;
  return [...findings, { probe: 'credentials', verdict: 'ok', detail: 'accepted', advice: '' }];
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

/** Clocks further apart are worth a look, unless the source bears less. Milliseconds. */
const SKEW = 60_000;
/** `Date` has whole seconds. Milliseconds. */
const DATE_PRECISION = 2_000;
/** `Date` has whole seconds, and answers take their time: clocks this near are the same. Milliseconds. */
const PRECISION = 5_000;

function clockFindings({ ahead, answered }: Hearing, limit: number): Finding[] {
  const probe = 'clock';
  if (ahead === undefined && !answered) return [];
  if (ahead === undefined) {
    return [
      {
        probe,
        verdict: 'warn',
        detail: "The vendor's answers tell no time (Date): windows follow this host's clock.",
        advice: "Keep this host's clock synchronised, and see whether a proxy removes the header.",
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

function sweepFinding(config: SourceConfig, streams: number): Finding {
  const quota = config.options.quota ?? config.definition.quotas(config.options)[0];
  const sweep = `a poll of ${count(streams, 'stream')}`;
  const detail =
    quota === undefined
      ? `no limit; ${sweep} needs at least ${count(streams, 'request')}`
      : `${count(quota.requests, 'request')} per ${showDuration(quota.per)}; ${sweep} needs about ${showDuration(predictedPoll(config, streams))}`;
  return { probe: 'quota', verdict: 'ok', detail, advice: '' };
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

type Failed = Pick<Finding, 'probe' | 'advice'>;

/** What ended a probe, as a finding. Throws what is no error of a vendor or a budget: a bug, a state that is unusable. */
export function failureFinding(error: unknown): Finding {
  if (!(error instanceof PenstockError) || error instanceof StateError) throw error;
  return { ...whatFailed(error), verdict: 'fail', detail: explain(error) };
}

function whatFailed(error: PenstockError): Failed {
  if (error instanceof OutOfBudgetError) {
    return { probe: 'quota', advice: 'Run it again and let it wait for a free slot, or raise `quota`.' };
  }
  if (error instanceof ThrottledError) {
    return {
      probe: 'quota',
      advice: 'Run it again after that time; lower `quota` if other programs use this credential.',
    };
  }
  if (error instanceof UnauthorisedError) {
    return {
      probe: 'credentials',
      advice:
        error.status === 401
          ? 'Put a valid token into the configuration or its secret file, then run penstock check again.'
          : 'Give the owner of the credential the right to this API, then run penstock check again.',
    };
  }
  if (error instanceof TimedOutError) {
    return { probe: 'connection', advice: 'Check the way to it, and raise `timeout` if it is only slow.' };
  }
  if (error instanceof RefusedError) {
    return { probe: 'request', advice: 'Correct base_url and the options that the answer names.' };
  }
  if (error instanceof VendorError && error.status === undefined) {
    return { probe: 'connection', advice: 'Check base_url, `tls` and `proxy`, from this very host.' };
  }
  return { probe: 'answer', advice: 'Check base_url, and what stands between this host and the vendor.' };
}

interface Heard {
  readonly answer: HttpAnswer;
  /** What the vendor's clock was ahead of ours, ms; undefined for an answer without a `Date`. */
  readonly ahead: number | undefined;
}

/** Answers of one check, by credential and request: sources that share a credential ask a shared route once. */
export type SharedAnswers = Map<string, Promise<Heard>>;

/** A client that takes note of what its answers say besides their bodies. */
export class Hearing implements Http {
  /** Some request was answered well. */
  answered = false;
  /** What the vendor's clock is ahead of ours, ms; undefined while no answer had a `Date`. */
  ahead: number | undefined;
  readonly #http: SourceHttp;
  readonly #clock: Clock;
  readonly #config: SourceConfig;
  readonly #shared: SharedAnswers;

  constructor(http: SourceHttp, clock: Clock, config: SourceConfig, shared: SharedAnswers) {
    this.#http = http;
    this.#clock = clock;
    this.#config = config;
    this.#shared = shared;
  }

  /** The vendor's clock, epoch ms. */
  now(): number {
    return this.#clock.now() + (this.ahead ?? 0);
  }

  async get(request: HttpRequest): Promise<HttpAnswer> {
    const key = this.#keyOf(request);
    const asked = this.#shared.get(key) ?? this.#ask(request);
    this.#shared.set(key, asked);
    try {
      const { answer, ahead } = await asked;
      this.answered = true;
      this.ahead = ahead ?? this.ahead;
      return answer;
    } catch (error) {
      // A refusal has a clock as well; without a `Date` the client's own shows no difference.
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

  async #ask(request: HttpRequest): Promise<Heard> {
    const answer = await this.#http.get(request);
    return { answer, ahead: answer.headers['date'] === undefined ? undefined : this.#ahead() };
  }

  #ahead(): number {
    return this.#http.vendorNow() - this.#clock.now();
  }

  #keyOf(request: HttpRequest): string {
    const { definition, options } = this.#config;
    return `${budgetName(options.base_url, definition.authorise(options), '')}${JSON.stringify(request)}`;
  }
}
