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

export function toHeld({ stream, status, ...row }: DeadLetterRow): HeldDeadLetter {
  return { ...row, stream: fromStored(stream), status: status ?? undefined };
}
