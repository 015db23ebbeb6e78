import { RefusedError } from '../../core/errors.ts';

/** 422 with the document's code 1030: this console does not sort, or not so. */
export function isSortRefusal(error: unknown): boolean {
  return error instanceof RefusedError && error.status === 422 && codeOf(error.body) === 1030;
}

/** The same error with what to do about it in its message, where we know; anything else as it is. */
export function explained(error: unknown): unknown {
  if (!(error instanceof RefusedError)) return error;
  const advice = adviceFor(error);
  if (advice === undefined) return error;
  return new RefusedError(`${error.message} ${advice}`, error.url, error.status ?? 0, error.body);
}

function adviceFor({ status, body }: RefusedError): string | undefined {
  if (status === 404)
    return 'Is base_url the console, without `/api`? The list exists from API version 12 on.';
  if (status !== 422) return undefined;
  if (/version/i.test(body)) {
    return 'The console does not offer this version of its API: set api_version to one that it lists at /api/help/versions.';
  }
  return ADVICE[codeOf(body) ?? 0];
}

/** By the vendor's code (IBM's and Juniper's API references, `GET /access/login_attempts`, response codes). */
const ADVICE: Readonly<Record<number, string>> = {
  11: 'A parameter has a type that this API version does not take: set api_version.',
  30: 'This API version does not know one of the five fields: set api_version.',
  36: 'The console refuses the Range header: does a proxy change it?',
  1005: 'The console refuses a parameter: set api_version to a version whose document has filter, fields and Range.',
  1010: 'The console refuses the filter: set api_version to a version whose document has the field attempt_time.',
};

/** The vendor's own error code. The body repeats the HTTP status under another `code`, inside `http_response`. */
function codeOf(body: string): number | undefined {
  const own = body.replace(/"http_response"\s*:\s*\{[^}]*\}/, '');
  const [, code] = /"code"\s*:\s*(\d+)/.exec(own) ?? [];
  return code === undefined ? undefined : Number(code);
}
