import { randomUUID } from 'node:crypto';
import type * as OAuth from 'oauth4webapi';
import type { Authentication, AuthenticationClient } from '../../core/authentication.ts';
import { UnauthorisedError } from '../../core/errors.ts';
import { PemFile, signedJwt } from './keys.ts';
import type { Text } from './plain.ts';
import { type FetchedToken, TokenCache } from './token.ts';
import { tokenFetch } from './token-fetch.ts';

/** How the client of a token request proves who it is. */
export type ClientProof =
  | { readonly by: 'post'; readonly secret: Text }
  | { readonly by: 'basic'; readonly secret: Text }
  | {
      readonly by: 'key';
      readonly keyFile: string;
      readonly keyId?: string | undefined;
      /** Adds `x5t#S256` to the assertion, which is then signed with PS256, as Microsoft Entra ID asks for. */
      readonly certificateFile?: string | undefined;
    };

/** A signed statement that is exchanged for a token (RFC 7523), such as a service account's. */
export interface JwtBearerGrant {
  readonly issuer: string;
  readonly subject?: string | undefined;
  readonly audience: string;
  readonly keyFile: string;
  readonly keyId?: string | undefined;
}

export interface OAuth2Settings {
  /** Absolute, or relative to `base_url`. */
  readonly tokenUrl: string;
  /** Absent: client credentials (RFC 6749 §4.4). */
  readonly grant?: JwtBearerGrant | undefined;
  /** MUST be there for client credentials. */
  readonly client?: { readonly id: Text; readonly proof: ClientProof } | undefined;
  readonly scope?: string | undefined;
  /** The parameter of the request. */
  readonly audience?: string | undefined;
  /** Further parameters of the request. */
  readonly params?: (() => Readonly<Record<string, string>>) | undefined;
  readonly identity: Authentication['identity'];
}

/** `grant_type` (RFC 7523 §2.1). */
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** An assertion is dated back, because a clock that is a little behind ours would refuse one from the future. Seconds. */
const DATED_BACK = 30;
/** How long an assertion is valid from then on; endpoints allow five minutes at least. Seconds. */
const ASSERTION_LIFE = 300;

/** An assertion whose time differs more from the endpoint's clock may have been refused for it. Milliseconds. */
const TOLERATED = 30_000;

/** OAuth 2: a token of `tokenUrl`, sent as `Authorization: Bearer`. */
export function oauth2(settings: OAuth2Settings): Authentication {
  const endpoint = new TokenEndpoint(settings);
  const tokens = new TokenCache((client, retry) => endpoint.token(client, retry));
  return {
    identity: settings.identity,
    prepare: (client, retry) => tokens.prepare(client, retry),
    authenticate: (_request, client) =>
      tokens.credential(client, (token) => ({ authorization: `Bearer ${token}` })),
  };
}

/** One request for a token. */
interface Asking {
  readonly oauth: typeof OAuth;
  readonly client: AuthenticationClient;
  readonly url: URL;
  /** The endpoint's clock, ahead of ours. Milliseconds. */
  readonly ahead: number;
}

class TokenEndpoint {
  readonly #settings: OAuth2Settings;
  readonly #grantKey: PemFile | undefined;
  readonly #clientKey: PemFile | undefined;
  readonly #certificate: PemFile | undefined;

  constructor(settings: OAuth2Settings) {
    this.#settings = settings;
    const { grant, client } = settings;
    if (grant !== undefined) this.#grantKey = new PemFile(grant.keyFile, 'key_file');
    if (client?.proof.by !== 'key') return;
    const { keyFile, certificateFile } = client.proof;
    this.#clientKey = new PemFile(keyFile, 'key.file');
    if (certificateFile !== undefined) this.#certificate = new PemFile(certificateFile, 'certificate_file');
  }

  /** Asks once more when an assertion was refused and the clock of the endpoint is not what we took it for. */
  async token(client: AuthenticationClient, retry: boolean): Promise<FetchedToken> {
    const oauth = await import('oauth4webapi');
    const url = client.endpoint(this.#settings.tokenUrl);
    const ahead = () => client.clockOf(url) - client.now();
    const assumed = ahead();
    try {
      return await this.#ask({ oauth, client, url, ahead: assumed }, retry);
    } catch (error) {
      const differs = Math.abs(ahead() - assumed) > TOLERATED;
      const asserts = this.#grantKey !== undefined || this.#clientKey !== undefined;
      if (!(error instanceof UnauthorisedError) || !differs || !asserts) throw error;
      return this.#ask({ oauth, client, url, ahead: ahead() }, retry);
    }
  }

  async #ask(asking: Asking, retry: boolean): Promise<FetchedToken> {
    const { oauth, client, url } = asking;
    const { scope, audience, params, grant, client: own } = this.#settings;
    const server = { issuer: url.href, token_endpoint: url.href };
    // The library wants a name for every client; without one of ours it is not sent.
    const id = { client_id: own?.id() ?? 'none' };
    const parameters = {
      ...(scope !== undefined && { scope }),
      ...(audience !== undefined && { audience }),
      ...params?.(),
      ...(grant !== undefined && { assertion: await this.#assertion(grant, asking) }),
    };
    const options = {
      [oauth.customFetch]: tokenFetch(client, { url, retry }),
      // `ask` refuses plain http to another host.
      [oauth.allowInsecureRequests]: true,
    };
    const proof = await this.#proof(asking);
    const answer =
      grant === undefined
        ? await oauth.clientCredentialsGrantRequest(server, id, proof, parameters, options)
        : await oauth.genericTokenEndpointRequest(server, id, proof, JWT_BEARER, parameters, options);
    const token = await oauth.processGenericTokenEndpointResponse(server, id, answer);
    return {
      value: token.access_token,
      life: token.expires_in === undefined ? undefined : token.expires_in * 1_000,
    };
  }

  async #proof({ oauth, url, ...clocks }: Asking): Promise<OAuth.ClientAuth> {
    const proof = this.#settings.client?.proof;
    if (proof === undefined) return () => undefined;
    if (proof.by === 'post') return oauth.ClientSecretPost(proof.secret());
    if (proof.by === 'basic') return oauth.ClientSecretBasic(proof.secret());
    const thumbprint = await this.#certificate?.thumbprint(url.href);
    const signing = await this.#clientKey?.signingKey(thumbprint !== undefined, url.href);
    if (signing === undefined) return () => undefined;
    const { keyId } = proof;
    const times = timesOf(clocks);
    return oauth.PrivateKeyJwt(
      { key: signing.key, ...(keyId !== undefined && { kid: keyId }) },
      {
        [oauth.modifyAssertion](header, claims) {
          Object.assign(claims, { aud: url.href, nbf: times.iat, ...times });
          header['typ'] = 'JWT';
          if (thumbprint !== undefined) header['x5t#S256'] = thumbprint;
        },
      },
    );
  }

  /** `scope` is in the statement too: some read it there, some in the request. */
  async #assertion(grant: JwtBearerGrant, { url, ...clocks }: Asking): Promise<string> {
    const signing = await this.#grantKey?.signingKey(false, url.href);
    if (signing === undefined) return '';
    const { issuer, subject, audience, keyId } = grant;
    const { scope } = this.#settings;
    const claims = {
      iss: issuer,
      sub: subject,
      aud: audience,
      scope,
      ...timesOf(clocks),
      jti: randomUUID(),
    };
    return signedJwt({ kid: keyId }, claims, signing);
  }
}

/** When an assertion is valid, by the endpoint's clock. Epoch seconds. */
function timesOf({ client, ahead }: Pick<Asking, 'client' | 'ahead'>): {
  readonly iat: number;
  readonly exp: number;
} {
  const iat = Math.floor((client.now() + ahead) / 1_000) - DATED_BACK;
  return { iat, exp: iat + ASSERTION_LIFE };
}
