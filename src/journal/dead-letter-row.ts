import type { Lane } from '../core/event.ts';
import type { HeldDeadLetter } from './delivery.ts';
import { fromStored } from './stored-text.ts';

/** A dead letter as the tables hold it. `stream`: the key as it is stored. */
export interface DeadLetterRow {
  readonly id: number;
  readonly destination: string;
  readonly stream: string;
  readonly source: string;
  readonly dataset: string;
  readonly lane: Lane;
  readonly observedAt: number;
  readonly uid: string;
  readonly status: number | null;
  readonly reason: string;
  readonly at: number;
  readonly record: Uint8Array;
}

/** How much `of` reads at once: so many dead letters, and no more when they have so many bytes. */
export const PART = { letters: 500, bytes: 4 * 1024 * 1024 } as const;

/** The id that a name may be; 0, which no dead letter has, when it is none. */
export function idIn(name: string): number {
  return /^\d{1,15}$/.test(name) ? Number(name) : 0;
}

export function toHeld({ stream, status, ...row }: DeadLetterRow): HeldDeadLetter {
  return { ...row, stream: fromStored(stream), status: status ?? undefined };
}
