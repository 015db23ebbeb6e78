import { systemClock } from '../../../src/core/clock.ts';
import { serve } from '../../../src/simulators/server.ts';
import { startCli, type Running } from '../../support/cli.ts';
import { forward } from './forward.ts';

/**
 * Stands between Penstock and a receiver, and kills Penstock when the receiver has answered and Penstock has not heard it:
 * what was sent is taken, and no position is committed.
 */
export interface DeadlyProxy extends AsyncDisposable {
  readonly url: string;
  /** Runs the CLI and kills it so at its n-th request, the first being 1. Throws when it ends before. */
  kill(args: readonly string[], request: number): Promise<void>;
}

/** Starts a proxy in front of a receiver's base URL. */
export async function startDeadlyProxy(target: string): Promise<DeadlyProxy> {
  let victim: (Running & { left: number }) | undefined;
  const server = await serve(
    async (request) => {
      const answer = await forward(target, request);
      if (victim === undefined) return answer;
      victim.left -= 1;
      if (victim.left > 0) return answer;
      victim.child.kill('SIGKILL');
      await victim.ended;
      return { ...answer, fault: 'reset' };
    },
    { clock: systemClock },
  );
  return {
    url: server.url,
    async kill(args, request) {
      victim = { ...startCli(args), left: request };
      const { signal, code, stderr } = await victim.ended;
      victim = undefined;
      if (signal !== 'SIGKILL') throw new Error(`ended with ${code} before request ${request}:\n${stderr}`);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
