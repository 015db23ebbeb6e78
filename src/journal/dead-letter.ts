import type { JournaledEvent } from '../core/event.ts';
import type { Lane } from './journal.ts';

/** An event that a destination will not take, and why; with all that a later try needs. */
export interface DeadLetter extends JournaledEvent {
  /** The stream's key. */
  readonly stream: string;
  readonly dataset: string;
  readonly lane: Lane;
  /** Of the page that it was committed with, epoch ms. */
  readonly observedAt: number;
  /** HTTP status of the answer that refused it; undefined when it was never sent. */
  readonly status: number | undefined;
  /** The destination's words, or ours. */
  readonly reason: string;
  /** When it was laid aside, epoch ms. */
  readonly at: number;
}
