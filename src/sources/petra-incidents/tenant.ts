import {
  RefusedError,
  ThrottledError,
  TooLargeError,
  UnauthorisedError,
  UnavailableError,
  UnexpectedAnswerError,
  VendorError,
} from '../../core/errors.ts';
import { readList, type IncidentList, type Poll } from './list.ts';

/** What asking for one tenant came to. */
export type TenantReading =
  | { readonly list: IncidentList }
  /** `doubtful`: it may be the vendor that fails, and not this tenant alone. */
  | { readonly error: VendorError; readonly doubtful: boolean };

/** Asks for one tenant. An error that other tenants need not share is returned; every other one is thrown. */
export async function readTenant(run: Poll, tenantId: string, from: number): Promise<TenantReading> {
  try {
    return { list: await readList(run, { tenantId, from }) };
  } catch (error) {
    if (error instanceof VendorError && isOfTenant(error)) return { error, doubtful: false };
    if (error instanceof VendorError && isDoubtful(error)) return { error, doubtful: true };
    throw error;
  }
}

/** 404 and the like. A 403 too: the list of all tenants was answered with the same key a moment before. */
function isOfTenant(error: VendorError): boolean {
  if (error instanceof UnauthorisedError) return error.status === 403;
  return error instanceof RefusedError || error instanceof TooLargeError;
}

function isDoubtful(error: VendorError): boolean {
  if (error instanceof UnavailableError) return !(error instanceof ThrottledError);
  return error instanceof UnexpectedAnswerError;
}

/** Says which tenant cannot be read, and why: a gap names its reason only in a word. */
export function warnOfTenant({ log }: Poll, tenantId: string, error: VendorError): void {
  log.warn(
    { organization: { id: tenantId }, error: { type: error.name, message: error.message } },
    'A tenant cannot be read; the others go on. Its gap closes when it answers again. Is it paused, or was it removed?',
  );
}
