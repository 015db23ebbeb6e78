import type { Authentication, TokenAnswer } from '../../core/authentication.ts';
import type { CommonOptions } from '../../core/source.ts';
import { type ClientProof, oauth2, type OAuth2Settings } from '../../http/auth/oauth2.ts';
import {
  basic,
  bearer,
  headers,
  identifiedBy,
  queryParameter,
  type Text,
  together,
} from '../../http/auth/plain.ts';
import { session } from '../../http/auth/session.ts';
import { signature } from '../../http/auth/signature.ts';
import type { AuthForm, KeyFiles, LoginForm, OAuth2Form } from './auth.ts';
import type { Definition } from './definition.ts';
import { chosenForm, optionsSent } from './options.ts';
import { valueAt } from './path.ts';
import { buildHeaders, buildRequest, optionsUsed } from './request.ts';
import { type Template, textOf, type Variables } from './template.ts';
import { optionValues } from './terms.ts';

/** How a source authenticates. Its budget is named by the secret options that it uses, never by what is sent. */
export function authenticationOf(definition: Definition, options: CommonOptions): Authentication {
  const form = chosenForm(definition, options);
  return new Maker(definition, options, form).make();
}

class Maker {
  readonly #definition: Definition;
  readonly #options: CommonOptions;
  readonly #form: AuthForm | undefined;

  constructor(definition: Definition, options: CommonOptions, form: AuthForm | undefined) {
    this.#definition = definition;
    this.#options = options;
    this.#form = form;
  }

  make(): Authentication {
    const identity = () => this.#identity();
    const form = this.#form;
    if (form === undefined) return identifiedBy(headers({}), identity);
    const { oauth2: tokens, login, sign } = form;
    const parts = [
      form.bearer && bearer(this.#text(form.bearer)),
      form.basic && basic(this.#text(form.basic.username), this.#text(form.basic.password)),
      form.query && queryParameter(form.query.name, this.#text(form.query.value)),
      tokens && oauth2(this.#tokens(tokens, identity)),
      login && this.#session(login, identity),
      sign && this.#signature(sign, identity),
      headers(Object.fromEntries(form.headers.map(([name, value]) => [name, this.#text(value)]))),
    ].filter((part) => part !== undefined);
    return identifiedBy(together(...parts), identity);
  }

  #signature(sign: AuthForm['headers'], identity: Authentication['identity']): Authentication {
    const { optionTypes } = this.#definition;
    const keyed = new Set(
      sign.flatMap((header) => {
        const used = [...optionsUsed([{ headers: [header] }], optionTypes)];
        return used.some((name) => optionTypes.get(name) === 'secret') ? header[0] : [];
      }),
    );
    return signature(
      (request) => this.#headers(sign, signedVariables(request)),
      identity,
      (name) => keyed.has(name),
    );
  }

  /** The secrets that requests of this source hold, by option. */
  #identity(): Record<string, string> {
    const { optionTypes } = this.#definition;
    const used = new Set([...(this.#form?.options ?? []), ...optionsSent(this.#definition)]);
    const values = optionValues(optionTypes, this.#options);
    const secrets = [...optionTypes].filter(([name, type]) => type === 'secret' && used.has(name));
    return Object.fromEntries(secrets.map(([name]) => [name, textOf(values[name])]));
  }

  #variables(more: Variables = {}): Variables {
    return { options: optionValues(this.#definition.optionTypes, this.#options), ...more };
  }

  #text(template: Template): Text {
    return () => template.text(this.#variables());
  }

  #optional(template: Template | undefined): string | undefined {
    const text = template?.text(this.#variables()) ?? '';
    return text === '' ? undefined : text;
  }

  #headers(templates: AuthForm['headers'], more: Variables): Record<string, string> {
    return buildHeaders(templates, this.#variables(more));
  }

  #tokens(form: OAuth2Form, identity: Authentication['identity']): OAuth2Settings {
    const { client, assertion } = form;
    return {
      tokenUrl: form.tokenUrl.text(this.#variables()),
      scope: this.#optional(form.scope),
      audience: this.#optional(form.audience),
      params: () => buildHeaders(form.params, this.#variables()),
      client: client && { id: this.#text(client.id), proof: this.#proof(client) },
      grant: assertion && {
        issuer: assertion.issuer.text(this.#variables()),
        subject: this.#optional(assertion.subject),
        audience: assertion.audience.text(this.#variables()),
        keyFile: this.#file(assertion.key.file),
        keyId: this.#optional(assertion.key.id),
      },
      identity,
    };
  }

  #proof(client: NonNullable<OAuth2Form['client']>): ClientProof {
    if ('secret' in client) return { by: client.by, secret: this.#text(client.secret) };
    const { file, id, certificate }: KeyFiles = client.key;
    return {
      by: 'key',
      keyFile: this.#file(file),
      keyId: this.#optional(id),
      certificateFile: certificate && this.#file(certificate),
    };
  }

  /** The path in an option of type `file`. */
  #file(option: string): string {
    return String(Reflect.get(this.#options, option) ?? '');
  }

  #session(
    { request, token, expires, headers: templates }: LoginForm,
    identity: Authentication['identity'],
  ): Authentication {
    return session({
      request: () => {
        const { method, path, query, headers: own, body } = buildRequest(request, this.#variables());
        return {
          method,
          url: path,
          query,
          headers: own,
          ...(body !== undefined && { body: { json: body } }),
        };
      },
      token: ({ body }: TokenAnswer) => {
        const found = valueAt(body, token);
        return found === undefined || typeof found === 'object' ? undefined : textOf(found);
      },
      expires,
      headers: (value) => this.#headers(templates, { session: value }),
      identity,
    });
  }
}

function signedVariables({
  sortedQuery,
  now,
  ...request
}: Parameters<Parameters<typeof signature>[0]>[0]): Variables {
  return { ...request, sorted_query: sortedQuery, now: new Date(now) };
}
