/** Who must act on an error: the operator (settings, permissions), nobody (it is temporary), or us (a bug, a changed API). */
export type Blame = 'operator' | 'nobody' | 'developer';

/** Exit codes of the process. */
export const EXIT = { done: 0, bug: 1, usage: 2, incomplete: 3, undelivered: 4, state: 5 } as const;

/** Every error that Penstock raises on purpose. The message says what, where, and what to do next. */
export abstract class PenstockError extends Error {
  abstract readonly blame: Blame;
}

/** Usage or configuration is wrong; each problem is one line for the operator. Exit 2. */
export class ConfigError extends PenstockError {
  override readonly name = 'ConfigError' as const;
  readonly blame = 'operator' as const;
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The state cannot be used; the message lists the choices. Exit 5. */
export class StateError extends PenstockError {
  override readonly name = 'StateError' as const;
  readonly blame = 'operator' as const;
}

/** The journal is full, so this stream cannot poll now. Nobody needs to act unless it lasts. */
export class JournalFullError extends PenstockError {
  override readonly name = 'JournalFullError' as const;
  readonly blame = 'nobody' as const;
}

/** The run ended while a request waited for its quota. The rest of the poll is deferred, which is not a failure. */
export class OutOfBudgetError extends PenstockError {
  override readonly name = 'OutOfBudgetError' as const;
  readonly blame = 'nobody' as const;
}

/** A vendor's response, or its absence, that ends this poll. `url` never holds a query or a secret. */
export abstract class VendorError extends PenstockError {
  readonly url: string;
  readonly status: number | undefined;

  constructor(message: string, url: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.url = url;
    this.status = status;
  }
}

/** 401 or 403: the credential is rejected. The source stops and keeps its cursor. */
export class UnauthorisedError extends VendorError {
  override readonly name = 'UnauthorisedError' as const;
  readonly blame = 'operator' as const;
}

/** Another 4xx, or a redirect to another origin: the request itself is rejected, and is not sent again unchanged. */
export class RefusedError extends VendorError {
  override readonly name = 'RefusedError' as const;
  readonly blame = 'operator' as const;
  /** The beginning of the response's body, a few kilobytes: vendors put their own error code there. */
  readonly body: string;

  constructor(message: string, url: string, status: number, body: string) {
    super(message, url, status);
    this.body = body;
  }
}

/** No usable response after all retries: 5xx, resets, refused connections, HTML. Temporary. */
export class UnavailableError extends VendorError {
  override readonly name: 'UnavailableError' | 'ThrottledError' | 'TimedOutError' = 'UnavailableError';
  readonly blame = 'nobody' as const;
}

/** 429 after all retries. */
export class ThrottledError extends UnavailableError {
  override readonly name = 'ThrottledError' as const;
  /** When the vendor's pause ends, epoch milliseconds. */
  readonly until: number;

  constructor(message: string, url: string, until: number) {
    super(message, url, 429);
    this.until = until;
  }
}

/** No complete response within the source's `timeout`. */
export class TimedOutError extends UnavailableError {
  override readonly name = 'TimedOutError' as const;
}

/** The response is larger than `max_response_bytes`. */
export class TooLargeError extends VendorError {
  override readonly name = 'TooLargeError' as const;
  readonly blame = 'operator' as const;
  /** The span that was asked for, epoch ms, which is now a gap. Undefined if the request was not about a span. */
  readonly asked: { readonly from: number; readonly to: number } | undefined;

  constructor(message: string, url: string, status: number, asked?: TooLargeError['asked']) {
    super(message, url, status);
    this.asked = asked;
  }
}

/** A 2xx whose body is not what the vendor documents: a failed poll, never an empty one. */
export class UnexpectedAnswerError extends VendorError {
  override readonly name = 'UnexpectedAnswerError' as const;
  readonly blame: Blame = 'developer';
}

/** A 2xx whose body is not valid JSON, or only part of it. It may be temporary, so it is retried like a 503. */
export class UnreadableAnswerError extends UnexpectedAnswerError {
  override readonly blame = 'nobody' as const;
}

/** Whether the vendor rejected the credential (401, 403) or the request itself (422), so that polling again is useless. */
export function isRefusal(error: unknown): error is UnauthorisedError | RefusedError {
  return error instanceof UnauthorisedError || (error instanceof RefusedError && error.status === 422);
}

/** The message of anything thrown, with its causes, in one line. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message === '' ? error.name : error.message;
  const cause = error.cause === undefined ? '' : explain(error.cause);
  return own.includes(cause) ? own : `${own}: ${cause}`;
}
