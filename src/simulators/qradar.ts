import type { Clock, Random } from '../core/clock.ts';
import { Attempts, Entry, type LoginAttempt } from './qradar-attempts.ts';
import { both, compare, type Condition, type FieldTypes } from './qradar-filter.ts';
import { type ConsoleUser, consoleUsers } from './qradar-generator.ts';
import {
  conditionOf,
  fieldsOf,
  listAnswer,
  NO_CREDENTIALS,
  NO_RIGHTS,
  orderOf,
  type Paging,
  problem,
  Refusal,
  versionHeaders,
  versionList,
  type Versions,
  VERSIONS,
} from './qradar-list.ts';
import {
  type Answerer,
  type FaultPlan,
  type Place,
  serve,
  type SimulatedAnswer,
  type SimulatedRequest,
  type Simulator,
  unreliable,
} from './server.ts';

/** How a console behaves, and where it differs from its documentation. */
export interface ConsoleOptions extends Paging, Place {
  readonly clock: Clock;
  readonly vendor?: 'qradar' | 'jsa' | undefined;
  /** An administrator's token. */
  readonly token?: string | undefined;
  /** More tokens, with their rights. */
  readonly tokens?: Readonly<Record<string, Right>> | undefined;
  /** An administrator for HTTP Basic. Every request is then a login attempt, as documented. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly rows?: Iterable<LoginAttempt> | undefined;
  readonly users?: readonly ConsoleUser[] | undefined;
  /** Who may read `/api/config/access/users`: everybody, non-administrators only themselves (`own`, the default), administrators (`admin`), or nobody. */
  readonly usersFor?: 'own' | 'admin' | 'nobody' | undefined;
  readonly versions?: Versions | undefined;
  /** Answers every `sort` with 422/1030, as a release without sorting might. */
  readonly refuseSort?: boolean | undefined;
  /** Random failures. */
  readonly faults?: { readonly plan: FaultPlan; readonly random: Random };
}

/** A QRadar or JSA console on loopback. */
export interface SimulatedConsole extends Simulator {
  /** All rows in order of time, raw ones too; a copy. */
  readonly rows: readonly unknown[];
  /** Adds rows, of any time, at any moment; equal ones are kept. */
  add(rows: Iterable<LoginAttempt>): void;
  /** Adds a record that is shown unchanged; filters find it as if its `attempt_time` were `at`. */
  addRaw(at: number, record: unknown): void;
  /** May be changed, like the tokens: one can expire, and others be created. */
  readonly users: ConsoleUser[];
  readonly tokens: Map<string, Right>;
  /** Called before a request is answered, unless the script answers it; what it returns is the answer. */
  onRequest: ((request: SimulatedRequest) => SimulatedAnswer | undefined) | undefined;
}

/** Starts a console that behaves as the vendors' API references and guides document. */
export async function startConsole(options: ConsoleOptions): Promise<SimulatedConsole> {
  const api = new ConsoleApi(options);
  const answer: Answerer = (request) => api.answer(request);
  const { faults } = options;
  const simulator = await serve(
    faults === undefined ? answer : unreliable(answer, faults.plan, faults.random),
    options,
  );
  return Object.assign(api, simulator);
}

const ATTEMPT_FIELDS: FieldTypes = {
  attempt_time: 'long',
  user_id: 'long',
  remote_ip: 'string',
  attempt_result: 'string',
  attempt_method: 'string',
};

const USER_FIELDS: FieldTypes = { id: 'long', username: 'string', email: 'string', tenant_id: 'long' };

/** The console's data and its API. */
class ConsoleApi {
  readonly users: ConsoleUser[];
  readonly tokens: Map<string, Right>;
  onRequest: ((request: SimulatedRequest) => SimulatedAnswer | undefined) | undefined;
  readonly #options: ConsoleOptions;
  readonly #versions: Versions;
  readonly #attempts = new Attempts();

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#versions = options.versions ?? VERSIONS[options.vendor ?? 'qradar'];
    this.users = [...(options.users ?? consoleUsers())];
    this.tokens = new Map(Object.entries(options.tokens ?? {}));
    if (options.token !== undefined) this.tokens.set(options.token, 'admin');
    this.add(options.rows ?? []);
  }

  get rows(): readonly unknown[] {
    return this.#attempts.entries.map(({ shown }) => shown);
  }

  add(rows: Iterable<LoginAttempt>): void {
    this.#attempts.add(rows);
  }

  addRaw(at: number, record: unknown): void {
    this.#attempts.addRaw(at, record);
  }

  answer(request: SimulatedRequest): SimulatedAnswer {
    const own = this.onRequest?.(request);
    if (own !== undefined) return own;
    const { username, password } = this.#options;
    const caller = callerOf(request.headers, { tokens: this.tokens, username, password });
    this.#recordSignIn(caller);
    if (caller.right === undefined) return NO_CREDENTIALS;
    try {
      const headers = versionHeaders(request.headers['version'], this.#versions);
      const answer = this.#route(request, caller.right);
      return { ...answer, headers: { ...headers, ...answer.headers } };
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  #route(request: SimulatedRequest, right: Right): SimulatedAnswer {
    if (request.method !== 'GET') return problem(405, 1002, 'This endpoint is read with GET.');
    if (right === 'forbidden') return NO_RIGHTS;
    switch (request.path) {
      case '/api/access/login_attempts':
        return this.#listAttempts(request, right);
      case '/api/config/access/users':
        return this.#listUsers(request, right);
      case '/api/system/about':
        return { status: 200, body: this.#about() };
      case '/api/help/versions':
        return { status: 200, body: versionList(this.#versions) };
      default:
        return problem(404, 1002, `The requested resource ${request.path} does not exist.`);
    }
  }

  #listAttempts(request: SimulatedRequest, right: Exclude<Right, 'forbidden'>): SimulatedAnswer {
    const { query } = request;
    if (this.#options.refuseSort === true && query.has('sort')) {
      throw new Refusal(1030, 'The sort field or order is not valid');
    }
    const asked = conditionOf(query, ATTEMPT_FIELDS, 'attempt_time');
    const condition = right === 'admin' ? asked : both(asked, ownRows('user_id', right.userId));
    const key = [right === 'admin' ? '' : right.userId, query.get('filter'), query.get('sort')].join('\n');
    const view = this.#attempts.view(key, condition, orderOf(query, ATTEMPT_FIELDS));
    return listAnswer(request, view, fieldsOf(query, ATTEMPT_FIELDS), this.#options);
  }

  #listUsers(request: SimulatedRequest, right: Exclude<Right, 'forbidden'>): SimulatedAnswer {
    const { usersFor = 'own' } = this.#options;
    if (usersFor === 'nobody' || (usersFor === 'admin' && right !== 'admin')) return NO_RIGHTS;
    const asked = conditionOf(request.query, USER_FIELDS);
    const condition = right === 'admin' ? asked : both(asked, ownRows('id', right.userId));
    const found = this.users
      .map((user) => new Entry(0, { ...user }))
      .filter(({ row }) => condition.test(row));
    const view = { total: found.length, slice: (from: number, to: number) => found.slice(from, to) };
    return listAnswer(request, view, fieldsOf(request.query, USER_FIELDS), {});
  }

  /** HTTP Basic against the API is a login too, with a documented method of its own. */
  #recordSignIn({ right, basicName }: Caller): void {
    const user = this.users.find(({ username }) => username === basicName);
    if (user === undefined) return;
    this.add([
      {
        attempt_time: this.#options.clock.now(),
        user_id: user.id,
        remote_ip: '127.0.0.1',
        attempt_result: right === undefined ? 'FAILURE' : 'SUCCESS',
        attempt_method: 'HTTP_BASIC',
      },
    ]);
  }

  #about(): Readonly<Record<string, unknown>> {
    const release = this.#options.vendor === 'jsa' ? '7.5.0' : '7.5.0 UpdatePackage 14';
    return {
      build_version: '2021.6.14',
      external_version: '7.5.0',
      release_name: release,
      fips_enabled: false,
    };
  }
}

function ownRows(field: string, id: number | bigint): Condition {
  return compare(field, '=', id, false);
}

/** What a credential may see: everything, nothing, or one user's own rows. */
export type Right = 'admin' | 'forbidden' | { readonly userId: number | bigint };

export interface Credentials {
  /** Authorised service tokens, sent in `SEC`. */
  readonly tokens: ReadonlyMap<string, Right>;
  /** An administrator who signs in by HTTP Basic. */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** The right of a known credential, or undefined; and for HTTP Basic the name, even with a wrong password. */
export interface Caller {
  readonly right: Right | undefined;
  readonly basicName?: string;
}

export function callerOf(
  headers: Readonly<Record<string, string | undefined>>,
  { tokens, username, password }: Credentials,
): Caller {
  const token = headers['sec'];
  if (token !== undefined) return { right: tokens.get(token) };
  const [, encoded] = /^Basic (.+)$/i.exec(headers['authorization'] ?? '') ?? [];
  if (encoded === undefined) return { right: undefined };
  const pair = Buffer.from(encoded, 'base64').toString();
  const known = username !== undefined && pair === `${username}:${password ?? ''}`;
  return { right: known ? 'admin' : undefined, basicName: pair.slice(0, pair.indexOf(':')) };
}
