import type { SimulatedAnswer } from '../../src/simulators/server.ts';

/**
 * What a poll fails with: rejected (the credential), refused (the request), throttled, or unavailable (tried again by
 * itself).
 */
export type Meaning = 'rejected' | 'refused' | 'throttled' | 'unavailable';

/** An error that a vendor's documents name, as it answers it. */
export interface DocumentedError {
  readonly name: string;
  readonly meaning: Meaning;
  /** `now`: the vendor's clock, epoch milliseconds. */
  readonly answer: (now: number) => SimulatedAnswer;
}

interface Details {
  readonly headers?: (now: number) => Readonly<Record<string, string>>;
  readonly body?: unknown;
}

function error(status: number, meaning: Meaning, name: string, { headers, body }: Details): DocumentedError {
  const answer = (now: number) => ({ status, body, ...(headers && { headers: headers(now) }) });
  return { name: `${status} ${name}`, meaning, answer };
}

const retryAfter = () => ({ 'retry-after': '2' });
const epochSeconds = (now: number) => String(Math.ceil(now / 1_000) + 2);

function consoleError(status: number, code: number, meaning: Meaning, message: string): DocumentedError {
  const body = { message, details: {}, description: '', code, http_response: { message: '', code: status } };
  return error(status, meaning, `code ${code}`, { body });
}

/** IBM: the API's error messages, and the response codes of `GET /access/login_attempts`. */
const CONSOLE: readonly DocumentedError[] = [
  consoleError(401, 18, 'rejected', 'No SEC header present in request. Please provide it via "SEC: token".'),
  consoleError(403, 26, 'rejected', 'User has insufficient capabilities to access this endpoint resource'),
  consoleError(422, 8, 'refused', 'Version (3.0) from header is not valid'),
  consoleError(422, 1005, 'refused', 'A request parameter is not valid.'),
  consoleError(422, 1010, 'refused', 'Invalid filter criteria supplied.'),
  consoleError(422, 1030, 'refused', 'The sort field or order is not valid'),
  consoleError(500, 1020, 'unavailable', 'An error occurred while retrieving login attempts.'),
];

function petraError(status: number, meaning: Meaning, code: string): DocumentedError {
  return error(status, meaning, code, {
    body: { error: { code, message: 'In words.', details: 'More of them.' } },
    ...(status === 429 && { headers: () => ({ 'Retry-After-public-api': '2' }) }),
  });
}

const PETRA: readonly DocumentedError[] = [
  petraError(401, 'rejected', 'UNAUTHORIZED'),
  petraError(403, 'rejected', 'FORBIDDEN'),
  petraError(404, 'refused', 'NOT_FOUND'),
  petraError(429, 'throttled', 'RATE_LIMIT_EXCEEDED'),
  petraError(500, 'unavailable', 'INTERNAL_SERVER_ERROR'),
];

function cloudflareError(status: number, meaning: Meaning, code: number, details: Details = {}) {
  const body = { success: false, errors: [{ code, message: 'In words.' }], messages: [], result: null };
  return error(status, meaning, `code ${code}`, { body, ...details });
}

function duoError(code: number, meaning: Meaning, message: string): DocumentedError {
  return error(Math.floor(code / 100), meaning, `code ${code}`, { body: { stat: 'FAIL', code, message } });
}

function githubError(status: number, meaning: Meaning, message: string, details: Details = {}) {
  const body = { message, documentation_url: 'https://docs.github.com/rest' };
  return error(status, meaning, message, { body, ...details });
}

const githubLimit = {
  headers: (now: number) => ({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': epochSeconds(now) }),
};

function graphError(status: number, meaning: Meaning, code: string, details: Details = {}): DocumentedError {
  return error(status, meaning, code, { body: { error: { code, message: 'In words.' } }, ...details });
}

function oktaError(
  status: number,
  meaning: Meaning,
  errorCode: string,
  details: Details = {},
): DocumentedError {
  const body = {
    errorCode,
    errorSummary: 'In words.',
    errorLink: errorCode,
    errorId: 'oae',
    errorCauses: [],
  };
  return error(status, meaning, errorCode, { body, ...details });
}

function onePasswordError(status: number, meaning: Meaning, details: Details = {}): DocumentedError {
  return error(status, meaning, 'Error', { body: { Error: { Message: 'In words.' } }, ...details });
}

/** The errors that each vendor documents, by source type. */
export const DOCUMENTED_ERRORS: Readonly<Record<string, readonly DocumentedError[]>> = {
  'qradar-login-attempts': CONSOLE,
  'jsa-login-attempts': CONSOLE,
  'petra-incidents': PETRA,
  'petra-failed-attacks': [petraError(400, 'refused', 'BAD_REQUEST'), ...PETRA],
  'botbye-declined-requests': [
    error(400, 'refused', 'Bad Request Error', {
      body: { message: 'In words.', code: 'BAD_REQUEST', type: 'VALIDATION', context: {} },
    }),
  ],
  'okta-system-log': [
    oktaError(400, 'refused', 'E0000001'),
    oktaError(401, 'rejected', 'E0000011'),
    oktaError(403, 'rejected', 'E0000006'),
    oktaError(429, 'throttled', 'E0000047', {
      headers: (now) => ({ 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': epochSeconds(now) }),
    }),
    oktaError(500, 'unavailable', 'E0000009'),
  ],
  'entra-id-sign-ins': [
    graphError(400, 'refused', 'BadRequest'),
    graphError(401, 'rejected', 'InvalidAuthenticationToken'),
    graphError(403, 'rejected', 'Authorization_RequestDenied'),
    graphError(429, 'throttled', 'TooManyRequests', { headers: retryAfter }),
    graphError(500, 'unavailable', 'generalException'),
    graphError(503, 'unavailable', 'serviceNotAvailable', { headers: retryAfter }),
    graphError(504, 'unavailable', 'UnknownError'),
  ],
  'github-audit-log': [
    githubError(401, 'rejected', 'Bad credentials'),
    githubError(403, 'rejected', 'Resource not accessible'),
    githubError(403, 'throttled', 'API rate limit exceeded', githubLimit),
    githubError(403, 'throttled', 'You have exceeded a secondary rate limit', { headers: retryAfter }),
    githubError(404, 'refused', 'Not Found'),
    githubError(422, 'refused', 'Validation Failed'),
    githubError(429, 'throttled', 'API rate limit exceeded', githubLimit),
    githubError(503, 'unavailable', 'Service unavailable'),
  ],
  'duo-authentication-logs': [
    duoError(40002, 'refused', 'Invalid request parameters'),
    duoError(40102, 'rejected', 'Invalid integration key in request credentials'),
    duoError(40103, 'rejected', 'Invalid signature in request credentials'),
    duoError(40301, 'rejected', 'Access forbidden'),
    duoError(40401, 'refused', 'Resource not found'),
    duoError(42901, 'throttled', 'Too Many Requests'),
    duoError(50001, 'unavailable', 'Internal error'),
  ],
  'cloudflare-audit-logs': [
    cloudflareError(400, 'refused', 6003),
    cloudflareError(401, 'rejected', 10_000),
    cloudflareError(403, 'rejected', 9_109),
    cloudflareError(429, 'throttled', 10_429, { headers: retryAfter }),
    cloudflareError(503, 'unavailable', 10_001),
  ],
  '1password-events': [
    onePasswordError(400, 'refused'),
    onePasswordError(401, 'rejected'),
    onePasswordError(429, 'throttled', { headers: retryAfter }),
    onePasswordError(500, 'unavailable'),
  ],
};
