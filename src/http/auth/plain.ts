import type { Authentication, Authorisation, Credential } from '../../core/authentication.ts';
import { PassingSecrets } from '../../core/secret.ts';

/** A text of the configuration. Called when it is needed, because files of secrets are read again. */
export type Text = () => string;

/** A value that was sent shortly before may be in a message. */
const MASKED_VALUES = 2;

/** Headers that are a credential, whatever they are made of; others of a source may be a version or a language. */
const PROOF = /^(?:authorization|cookie)$/i;

/** Headers with a credential in them. */
export function headers(values: Readonly<Record<string, Text>>): Authentication {
  const masked = Object.values(values).map(() => new PassingSecrets(MASKED_VALUES));
  const current = () =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value()]));
  return {
    identity: current,
    authenticate: async () => {
      const sent = current();
      for (const [index, value] of Object.values(sent).entries()) masked[index]?.add(value);
      return { headers: sent };
    },
  };
}

/** `Authorization: Bearer …` (RFC 6750). */
export function bearer(token: Text): Authentication {
  return headers({ authorization: () => `Bearer ${token()}` });
}

/** `Authorization: Basic …` (RFC 7617), in UTF-8. */
export function basic(username: Text, password: Text): Authentication {
  return headers({
    authorization: () => `Basic ${Buffer.from(`${username()}:${password()}`).toString('base64')}`,
  });
}

/** A parameter of the query, which no message shows. */
export function queryParameter(name: string, value: Text): Authentication {
  const masked = new PassingSecrets(MASKED_VALUES);
  return {
    identity: () => ({ [name]: value() }),
    authenticate: async () => {
      const sent = value();
      masked.add(sent);
      return { query: { [name]: sent } };
    },
  };
}

/** Several at once, such as a header beside a token. Of two that set one header, the later wins. */
export function together(...all: readonly Authentication[]): Authentication {
  return {
    identity: () => Object.assign({}, ...all.map((one) => one.identity())) as Record<string, string>,
    prepare: async (client, retry) => {
      for (const one of all) await one.prepare?.(client, retry);
    },
    authenticate: async (request, client) => {
      const parts: Credential[] = [];
      for (const one of all) parts.push(await one.authenticate(request, client));
      return {
        headers: Object.assign({}, ...parts.map((part) => part.headers)) as Record<string, string>,
        query: Object.assign({}, ...parts.map((part) => part.query)) as Record<string, string>,
        rejected: () => parts.map((part) => part.rejected?.()).includes(true),
      };
    },
  };
}

/** The same authentication, its budgets named by these secrets: the options of the configuration. */
export function identifiedBy(
  authentication: Authentication,
  identity: Authentication['identity'],
): Authentication {
  return { ...authentication, identity };
}

/** What a source returned as an authentication. Headers are asked for anew for each request. */
export function authenticationOf(authorise: () => Authorisation): Authentication {
  const first = authorise();
  if (isAuthentication(first)) return first;
  const current = () => authorise() as Readonly<Record<string, string>>;
  const masked = new PassingSecrets(MASKED_VALUES);
  return {
    identity: current,
    authenticate: async () => {
      const sent = current();
      for (const [name, value] of Object.entries(sent)) if (PROOF.test(name)) masked.add(value);
      return { headers: sent };
    },
  };
}

function isAuthentication(value: Authorisation): value is Authentication {
  return typeof value['authenticate'] === 'function';
}
