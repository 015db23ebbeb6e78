import type { Quotas } from '../../../src/core/quota.ts';

/** Quotas in memory, by the rules of their contract. */
export class MemoryQuotas implements Quotas {
  readonly spent = new Map<string, number[]>();
  readonly paused = new Map<string, number>();

  async spend(budget: string, quota: { requests: number; per: number }, now: number): Promise<number> {
    const paused = await this.pausedUntil(budget);
    if (paused > now) return paused;
    const recent = this.#recent(budget, quota, now);
    if (recent.length >= quota.requests) return (recent.at(-quota.requests) ?? now) + quota.per;
    this.spent.set(budget, [...(this.spent.get(budget) ?? []), now]);
    return 0;
  }

  async available(budget: string, quota: { requests: number; per: number }, now: number): Promise<number> {
    if ((await this.pausedUntil(budget)) > now) return 0;
    return Math.max(0, quota.requests - this.#recent(budget, quota, now).length);
  }

  async pause(budget: string, until: number): Promise<void> {
    this.paused.set(budget, until);
  }

  async pausedUntil(budget: string): Promise<number> {
    return this.paused.get(budget) ?? 0;
  }

  #recent(budget: string, { per }: { per: number }, now: number): number[] {
    return (this.spent.get(budget) ?? []).filter((at) => at > now - per && at <= now + per);
  }
}
