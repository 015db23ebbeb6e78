import type { Clock } from '../core/clock.ts';
import { showDuration } from '../core/show-duration.ts';
import type { SourceConfig, TlsConfig } from '../config/types.ts';
import { UnauthorisedError, VendorError } from '../core/errors.ts';
import type { SourceHttp } from '../http/client.ts';
import type { CommonOptions, Finding, SourceContext } from '../core/source.ts';
import { predictedPoll } from '../core/schedule.ts';
import { Hearing, type SharedAnswers } from './hearing.ts';
import { failureFinding } from './probe-failure.ts';

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
