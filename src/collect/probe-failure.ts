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
import type { Finding } from '../core/source.ts';

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
