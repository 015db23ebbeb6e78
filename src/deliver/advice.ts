import { maskForeign } from '../core/secret.ts';

/** What an operator does about a request that cannot be sent as it is configured. */
export const NETWORK_ADVICE =
  'Check `endpoint` and the values of `headers` for characters that HTTP does not allow.';

/** What an operator does when everything is refused, though the request reached a receiver. */
export const REFUSES_EVERYTHING =
  'Check `protocol` (some receivers take only one), `profile`, and whether the endpoint is a receiver of logs.';

/** What an operator does when a success cannot be read. */
export const UNREAD_ANSWER =
  'Records that it rejects by a partial success go unnoticed. Check that `endpoint` is a receiver of OTLP, and what a proxy on the way makes of its answers.';

/** What an operator does when what is refused for good no longer fits into the state. */
export const NO_ROOM =
  'Look at `penstock dead-letters list`, export and remove what is not needed, or raise `state.max_bytes`.';

/** What an operator does about an answer that says that the destination is set up wrongly. */
export function adviceFor(status: number, html: boolean, location: string | undefined): string {
  if (status >= 300 && status < 400) {
    return `Redirects are not followed. Set \`endpoint\` to where logs are taken${location === undefined ? '' : ` (it points to ${bare(location)})`}.`;
  }
  if (status === 403 || status === 406) {
    return 'Check the credential in `headers`, its right to write logs, and what a filter before the receiver refuses.';
  }
  if (html)
    return 'A web page answered. Set `endpoint` to the receiver itself, not to a login page or a user interface.';
  switch (status) {
    case 401:
      return 'Check the credential in `headers`, and its right to write logs. Secret files are read again by themselves.';
    case 404:
    case 405:
      return 'Check `endpoint`: no receiver of OTLP logs is there (`/v1/logs` is added to it).';
    case 415:
      return 'Set `protocol` to the encoding that the receiver accepts, or `compression` to none.';
    default:
      return 'Check `endpoint`, `headers` and `protocol` against the documentation of the receiver.';
  }
}

/** A redirect's target may hold a token in its query. */
function bare(location: string): string {
  return maskForeign(location.replace(/[?#].*$/s, '')).slice(0, 200);
}
