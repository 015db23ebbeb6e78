import type { Path } from '../../config/problems.ts';
import type { Checks } from './checks.ts';
import { parsePath, type Steps } from './path.ts';
import { headerTemplates, type RequestTemplate, requestTemplate } from './request.ts';
import type { RawAuthForm, RawDefinition } from './schema.ts';
import type { Template } from './template.ts';
import { type OptionTypes, type Position, Terms, TIME } from './terms.ts';

type Headers = RequestTemplate['headers'];

/** A private key: the options of type `file` that hold it and its certificate. */
export interface KeyFiles {
  readonly file: string;
  readonly id: Template | undefined;
  readonly certificate: string | undefined;
}

/** OAuth 2, checked. */
export interface OAuth2Form {
  readonly tokenUrl: Template;
  readonly scope: Template | undefined;
  readonly audience: Template | undefined;
  readonly params: Headers;
  readonly client:
    | { readonly id: Template; readonly secret: Template; readonly by: 'post' | 'basic' }
    | { readonly id: Template; readonly key: KeyFiles }
    | undefined;
  readonly assertion:
    | {
        readonly issuer: Template;
        readonly subject: Template | undefined;
        readonly audience: Template;
        readonly key: KeyFiles;
      }
    | undefined;
}

/** A request that gives a session, checked. */
export interface LoginForm {
  readonly request: RequestTemplate;
  readonly token: Steps;
  /** Milliseconds. */
  readonly expires: number | undefined;
  readonly headers: Headers;
}

/** One way to authenticate, checked. */
export interface AuthForm {
  readonly bearer?: Template | undefined;
  readonly basic?: { readonly username: Template; readonly password: Template } | undefined;
  readonly query?: { readonly name: string; readonly value: Template } | undefined;
  readonly oauth2?: OAuth2Form | undefined;
  readonly login?: LoginForm | undefined;
  readonly sign?: Headers | undefined;
  readonly headers: Headers;
  /** The options that it uses. */
  readonly options: ReadonlySet<string>;
}

/** The ways to authenticate, by name; the option `auth` chooses one when there are several. */
export interface AuthForms {
  readonly forms: ReadonlyMap<string, AuthForm>;
  readonly isChoice: boolean;
}

const KINDS = ['bearer', 'basic', 'query', 'oauth2', 'login', 'sign'] as const;

/** The variables of `sign`: see `SignedRequest`. */
const SIGNED = {
  method: 'string',
  scheme: 'string',
  host: 'string',
  path: 'string',
  query: 'string',
  sorted_query: 'string',
  body: 'string',
  date: 'string',
  now: TIME,
};

/** Checks `auth`. */
export function authForms(checks: Checks, options: OptionTypes, raw: RawDefinition['auth']): AuthForms {
  const single = raw !== undefined && !('one_of' in raw);
  const forms = raw === undefined ? {} : single ? { '': raw } : raw.one_of;
  if (raw !== undefined && !single && Object.keys(forms).length === 0)
    checks.add(['auth', 'one_of'], 'expected at least one form');
  const checked = Object.entries(forms).map(([name, form]) => {
    const path = single ? ['auth'] : ['auth', 'one_of', name];
    return [name, new FormChecks(checks, options, path).form(form)] as const;
  });
  return { forms: new Map(checked), isChoice: raw !== undefined && !single };
}

class FormChecks {
  readonly #checks: Checks;
  readonly #options: OptionTypes;
  readonly #path: Path;
  readonly #terms: Terms;
  readonly #all: Terms[] = [];

  constructor(checks: Checks, options: OptionTypes, path: Path) {
    this.#checks = checks;
    this.#options = options;
    this.#path = path;
    this.#terms = this.#position({ secrets: true, auth: true });
  }

  form(raw: RawAuthForm): AuthForm {
    const given = KINDS.filter((kind) => raw[kind] !== undefined);
    if (given.length > 1)
      this.#checks.add(this.#path, `expected one of ${KINDS.join(', ')} (got ${given.join(' and ')})`);
    if (given.length === 0 && raw.headers === undefined)
      this.#checks.add(this.#path, `expected one of ${KINDS.join(', ')}, or headers`);
    const headers = this.#headers(['headers'], raw.headers ?? {}, this.#terms);
    const form = {
      bearer: raw.bearer === undefined ? undefined : this.#template(['bearer'], raw.bearer),
      basic: raw.basic && this.#basic(raw.basic),
      query: raw.query && this.#query(raw.query),
      oauth2: raw.oauth2 && this.#oauth2(raw.oauth2),
      login: raw.login && this.#login(raw.login),
      sign:
        raw.sign &&
        this.#headers(
          ['sign', 'headers'],
          raw.sign.headers,
          this.#position({ secrets: true, auth: true, variables: SIGNED }),
        ),
      headers,
    };
    this.#refuseTwice(raw);
    return { ...form, options: new Set(this.#all.flatMap(({ used }) => [...used.keys()])) };
  }

  #position(position: Position): Terms {
    const terms = new Terms(this.#checks, this.#options, position);
    this.#all.push(terms);
    return terms;
  }

  #template(path: Path, raw: string | number | boolean): Template | undefined {
    return this.#terms.template([...this.#path, ...path], raw);
  }

  #optional(path: Path, raw: string | number | boolean | undefined): Template | undefined {
    return raw === undefined ? undefined : this.#template(path, raw);
  }

  #headers(path: Path, raw: Readonly<Record<string, string | number | boolean>>, terms: Terms): Headers {
    return headerTemplates(this.#checks, [...this.#path, ...path], raw, terms) ?? [];
  }

  #basic(raw: NonNullable<RawAuthForm['basic']>): AuthForm['basic'] {
    const username = this.#template(['basic', 'username'], raw.username);
    const password = this.#template(['basic', 'password'], raw.password);
    return username && password && { username, password };
  }

  #query({ name, value: raw }: NonNullable<RawAuthForm['query']>): AuthForm['query'] {
    const value = this.#template(['query', 'value'], raw);
    return value && { name, value };
  }

  #oauth2(raw: NonNullable<RawAuthForm['oauth2']>): OAuth2Form | undefined {
    const tokenUrl = this.#position({}).template([...this.#path, 'oauth2', 'token_url'], raw.token_url);
    const id = this.#optional(['oauth2', 'client_id'], raw.client_id);
    const secret = this.#optional(['oauth2', 'client_secret'], raw.client_secret);
    const key =
      raw.key &&
      this.#key(['oauth2', 'key'], {
        file: raw.key.file,
        id: raw.key.id,
        certificate: raw.key.certificate_file,
      });
    if (raw.grant === 'jwt_bearer' && raw.assertion === undefined)
      this.#checks.add([...this.#path, 'oauth2'], 'the grant jwt_bearer needs `assertion`');
    if (raw.grant === 'client_credentials' && raw.client_id === undefined)
      this.#checks.add([...this.#path, 'oauth2'], 'missing `client_id`');
    if (raw.client_secret !== undefined && raw.key !== undefined)
      this.#checks.add([...this.#path, 'oauth2', 'key'], 'set either `client_secret` or `key`');
    if (raw.client_id !== undefined && raw.client_secret === undefined && raw.key === undefined)
      this.#checks.add([...this.#path, 'oauth2'], 'missing `client_secret` or `key`');
    const assertion =
      raw.grant === 'jwt_bearer' && raw.assertion !== undefined ? this.#assertion(raw.assertion) : undefined;
    const params = Object.entries(raw.params).map(
      ([name, value]) => [name, this.#template(['oauth2', 'params', name], value)] as const,
    );
    if (tokenUrl === undefined) return undefined;
    const client =
      id === undefined
        ? undefined
        : key !== undefined
          ? { id, key }
          : secret && { id, secret, by: raw.client_auth };
    return {
      tokenUrl,
      scope: this.#optional(['oauth2', 'scope'], raw.scope),
      audience: this.#optional(['oauth2', 'audience'], raw.audience),
      params: params.filter((one): one is readonly [string, Template] => one[1] !== undefined),
      client,
      assertion,
    };
  }

  #assertion(raw: NonNullable<NonNullable<RawAuthForm['oauth2']>['assertion']>): OAuth2Form['assertion'] {
    const issuer = this.#template(['oauth2', 'assertion', 'issuer'], raw.issuer);
    const subject = this.#optional(['oauth2', 'assertion', 'subject'], raw.subject);
    const audience = this.#template(['oauth2', 'assertion', 'audience'], raw.audience);
    const key = this.#key(
      ['oauth2', 'assertion'],
      { file: raw.key_file, id: raw.key_id, certificate: undefined },
      'key_file',
    );
    return issuer && audience && key && { issuer, subject, audience, key };
  }

  #key(
    path: Path,
    {
      file,
      id,
      certificate,
    }: {
      readonly file: string;
      readonly id: string | number | boolean | undefined;
      readonly certificate: string | undefined;
    },
    name = 'file',
  ): KeyFiles | undefined {
    const files = [
      [name, file],
      ['certificate_file', certificate],
    ] as const;
    for (const [member, option] of files) {
      if (option === undefined || this.#options.get(option) === 'file') continue;
      this.#checks.add(
        [...this.#path, ...path, member],
        `expected the name of an option of type \`file\` (got ${option})`,
      );
      return undefined;
    }
    return { file, certificate, id: this.#optional([...path, name === 'file' ? 'id' : 'key_id'], id) };
  }

  #login(raw: NonNullable<RawAuthForm['login']>): LoginForm | undefined {
    const path = [...this.#path, 'login'];
    const open = this.#position({ auth: true });
    const request = requestTemplate(this.#checks, [...path, 'request'], {
      raw: raw.request,
      terms: { open, path: open, secret: this.#terms },
    });
    const token = parsePath(raw.token);
    if ('message' in token) this.#checks.add([...path, 'token'], token.message, token.at);
    const session = this.#position({ secrets: true, auth: true, variables: { session: 'string' } });
    const headers = this.#headers(['login', 'headers'], raw.headers, session);
    return request === undefined || 'message' in token
      ? undefined
      : { request, token, expires: raw.expires, headers };
  }

  /** Two parts of a form that set the same header. */
  #refuseTwice(raw: RawAuthForm): void {
    const names = [
      ...(raw.bearer !== undefined || raw.basic !== undefined || raw.oauth2 !== undefined
        ? ['authorization']
        : []),
      ...Object.keys(raw.login?.headers ?? {}),
      ...Object.keys(raw.sign?.headers ?? {}),
    ].map((name) => name.toLowerCase());
    for (const name of Object.keys(raw.headers ?? {}))
      if (names.includes(name.toLowerCase()))
        this.#checks.addKey([...this.#path, 'headers', name], `the header ${name} is set twice`);
  }
}
