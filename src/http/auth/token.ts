import type { AuthenticationClient, Credential } from '../../core/authentication.ts';
import { explain, UnavailableError } from '../../core/errors.ts';
import { PassingSecrets } from '../../core/secret.ts';

/** A token or a session, as it came. */
export interface FetchedToken {
  readonly value: string;
  /** How long it is valid, milliseconds; undefined: until the vendor rejects it. */
  readonly life: number | undefined;
}

/** Fetches a token. `retry`: whether failures that may pass are retried. */
export type FetchToken = (client: AuthenticationClient, retry: boolean) => Promise<FetchedToken>;

interface KeptToken {
  readonly value: string;
  /** From then on it is renewed, and from `end` on not used. Our clock, epoch ms. */
  readonly renewal: number;
  readonly end: number;
}

/** A token is renewed when this part of its life is left, but not earlier than `LONGEST_REST` before its end. */
const REST = 0.1;
/** Milliseconds. */
const LONGEST_REST = 60_000;

/** The wait after a renewal that failed. Milliseconds. */
const NEXT_RENEWAL = 5_000;

/** A token that was replaced may still be in an answer on its way. */
const MASKED_TOKENS = 2;

/**
 * The token of one client, in memory only. It is fetched once for all requests that need it at the same time, renewed
 * before it ends, and fetched anew when the vendor rejects it.
 */
export class TokenCache {
  readonly #fetch: FetchToken;
  readonly #masked = new PassingSecrets(MASKED_TOKENS);
  #token: KeptToken | undefined;
  #pending: Promise<KeptToken> | undefined;

  constructor(fetch: FetchToken) {
    this.#fetch = fetch;
  }

  /** Fetches a token when there is none that is valid. */
  async prepare(client: AuthenticationClient, retry: boolean): Promise<void> {
    await this.#current(client, retry);
  }

  /** The current token as a credential. */
  async credential(
    client: AuthenticationClient,
    headers: (token: string) => Readonly<Record<string, string>>,
  ): Promise<Credential> {
    const token = await this.#current(client, false);
    return {
      headers: headers(token.value),
      rejected: () => {
        // Another request may have replaced it already.
        if (this.#token?.value === token.value) this.#token = undefined;
        return true;
      },
    };
  }

  async #current(client: AuthenticationClient, retry: boolean): Promise<KeptToken> {
    const now = client.now();
    const token = this.#token;
    if (token === undefined || now >= token.end) return this.#fresh(client, retry);
    if (now < token.renewal) return token;
    try {
      return await this.#fresh(client, false);
    } catch (error) {
      if (!(error instanceof UnavailableError) || client.now() >= token.end) throw error;
      client.log.info(
        { error: { type: error.name, message: explain(error) } },
        'The token could not be renewed; it is used until it expires.',
      );
      this.#token = { ...token, renewal: client.now() + NEXT_RENEWAL };
      return this.#token;
    }
  }

  async #fresh(client: AuthenticationClient, retry: boolean): Promise<KeptToken> {
    this.#pending ??= this.#ask(client, retry).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #ask(client: AuthenticationClient, retry: boolean): Promise<KeptToken> {
    const asked = client.now();
    const { value, life = Infinity } = await this.#fetch(client, retry);
    this.#masked.add(value);
    const rest = Math.min(LONGEST_REST, life * REST);
    this.#token = { value, renewal: asked + life - rest, end: asked + life };
    return this.#token;
  }
}
