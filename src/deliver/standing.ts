/** How a delivery stands. Times are epoch milliseconds. */
export interface Standing {
  readonly kind: 'idle' | 'sending' | 'waiting' | 'paused';
  /** Since when it is so. */
  readonly since: number;
  /** Why it waits or is paused. */
  readonly reason: string | undefined;
  /** When it is tried again. */
  readonly until?: number | undefined;
}
