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
}

export function repeatsOf(receiver: Receiver): Repeats {
  const repeated = [...receiver.ids().values()].filter((copies) => copies.length > 1);
  const count = (of: (copies: readonly ReceivedRecord[]) => number) =>
    repeated.reduce((sum, copies) => sum + of(copies), 0);
  return {
    repeats: count((copies) => copies.length - 1),
    different: count(([first, ...more]) => more.filter(({ bytes }) => !isSame(first, bytes)).length),
  };
}

function isSame(first: ReceivedRecord | undefined, bytes: Uint8Array): boolean {
  return first !== undefined && Buffer.from(first.bytes).equals(bytes);
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

  /** A life has ended. Call it before the next one begins. `cut`: it did not end by itself, when all was done. */
  async lifeEnded({ cut }: { readonly cut: boolean }): Promise<void> {
    // What it had sent may still be on its way to the receiver, which is part of this process.
    await sleep(ON_ITS_WAY);
    const sent = this.#receiver.exports.slice(this.#seen);
    this.#seen = this.#receiver.exports.length;
    if (cut) for (const { uid } of sent.at(-1)?.records ?? []) this.#uids.add(uid);
  }

  /** Repeats that no cut acknowledgement explains. */
  uncaused(): number {
    const others = [...this.#receiver.ids()].filter(([uid]) => !this.#uids.has(uid));
    return others.reduce((sum, [, copies]) => sum + copies.length - 1, 0);
  }
}
