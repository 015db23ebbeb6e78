import type { SimulatedAnswer } from './server.ts';

/** The console's words for a status, as its error bodies carry them. */
const WORDS: Readonly<Record<number, string>> = {
  401: 'You are unauthorized to access the requested resource.',
  403: 'Your account is not authorized to access the requested resource',
  404: 'We could not find the resource you requested.',
  405: 'The requested HTTP method is not supported for this resource.',
  422: 'The request was well-formed but was unable to be followed due to semantic errors',
  500: 'Unexpected internal server error',
};

/** An error body of the documented shape (c_rest_api_errors): HTTP status, the endpoint's own code, its words. */
export function problem(status: number, code: number, message: string): SimulatedAnswer {
  return {
    status,
    body: {
      message,
      details: {},
      description: '',
      code,
      http_response: { message: WORDS[status] ?? '', code: status },
    },
  };
}

export const NO_CREDENTIALS = problem(
  401,
  18,
  'No SEC header present in request. Please provide it via "SEC: token". You may also use BASIC authentication parameters if this host supports it. e.g. "Authorization: Basic base64Encoding"',
);

export const NO_RIGHTS = problem(
  403,
  26,
  'User has insufficient capabilities to access this endpoint resource',
);

/** What the documents list as 500/1020, with their spelling. */
export const BROKEN = problem(500, 1020, 'An error occurred while retiriving login attempts.');

/** Thrown where a request turns out not to be answerable. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly answer: SimulatedAnswer;

  constructor(code: number, message: string, status = 422) {
    super(message);
    this.answer = problem(status, code, message);
  }
}
