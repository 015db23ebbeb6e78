import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceivedRecord } from '../../../src/simulators/otlp-receiver-decode.ts';
import type { Receiver } from '../../../src/simulators/otlp-receiver.ts';

/** Milliseconds. */
const ON_ITS_WAY = 100;

/** What arrived more than once under one id. */
export interface Repeats {
  readonly repeats: number;
  /** Of them, those that differ from the first copy in a byte. */
  readonly different: number;
  /** Of them, those that no cut acknowledgement explains. */
  readonly uncaused: number;
}

/**
 * Notes what was in flight when a life ended. One request is in flight for each destination, so only the records of the
 * last one may be sent again.
 */
export class CutAcknowledgements {
  readonly #receiver: Receiver;
  readonly #uids = new Set<string>();
  #seen = 0;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  /** A life was cut. Call it before the next one begins. */
  async lifeEnded(): Promise<void> {
    // What it had sent may still be on its way to the receiver, which is part of this process.
    await sleep(ON_ITS_WAY);
    const sent = this.#receiver.exports.slice(this.#seen);
    this.#seen = this.#receiver.exports.length;
    for (const { uid } of sent.at(-1)?.records ?? []) this.#uids.add(uid);
  }

  /** `asked`: repeats were asked for, as `replay` does. */
  judge({ asked }: { readonly asked: boolean }): Repeats {
    const repeated = [...this.#receiver.ids()].filter(([, copies]) => copies.length > 1);
    const count = (of: (copies: readonly ReceivedRecord[]) => number) =>
      repeated.reduce((sum, [, copies]) => sum + of(copies), 0);
    const cut = (copies: readonly ReceivedRecord[]) => this.#uids.has(copies[0]?.uid ?? '');
    return {
      repeats: count((copies) => copies.length - 1),
      different: count(([first, ...more]) => more.filter(({ bytes }) => !isSame(first, bytes)).length),
      uncaused: asked ? 0 : count((copies) => (cut(copies) ? 0 : copies.length - 1)),
    };
  }
}

function isSame(first: ReceivedRecord | undefined, bytes: Uint8Array): boolean {
  return first !== undefined && Buffer.from(first.bytes).equals(bytes);
}
