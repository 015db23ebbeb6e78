import type { Clock } from '../../../src/core/clock.ts';
import {
  serve,
  type SimulatedAnswer,
  type SimulatedRequest,
  type Simulator,
} from '../../../src/simulators/server.ts';

export const CLIENT_SECRET = 's3cret of ours+nobody/may see';

interface Settings {
  readonly clock: Clock;
  /** Seconds; undefined: the answer does not say. */
  readonly life?: number | undefined;
  /** Says why a request gets no token. */
  readonly refuses?: (request: SimulatedRequest) => SimulatedAnswer | undefined;
}

/** A vendor with a token endpoint of its own: `token-1`, `token-2`, … are issued, and the API takes those that are valid. */
export interface TokenVendor extends AsyncDisposable {
  readonly api: Simulator;
  readonly endpoint: Simulator;
  /** The tokens that the API takes, and until when (epoch ms). */
  readonly valid: Map<string, number>;
}

export async function tokenVendor({ clock, life, refuses }: Settings): Promise<TokenVendor> {
  const valid = new Map<string, number>();
  let issued = 0;
  const endpoint = await serve(
    (request) => {
      const refusal = refuses?.(request);
      if (refusal !== undefined) return refusal;
      issued += 1;
      const token = `token-${issued}-of-the-vendor`;
      valid.set(token, life === undefined ? Infinity : clock.now() + life * 1_000);
      return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: life } };
    },
    { clock },
  );
  const api = await serve(
    ({ headers }) => {
      const end = valid.get(headers['authorization']?.replace('Bearer ', '') ?? '') ?? 0;
      return end > clock.now()
        ? { status: 200, body: [1] }
        : { status: 401, body: { message: 'Invalid token' } };
    },
    { clock },
  );
  return {
    api,
    endpoint,
    valid,
    async [Symbol.asyncDispose]() {
      await endpoint[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** The fields of a form. */
export function formOf({ body }: { readonly body: Buffer }): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(body.toString()));
}
