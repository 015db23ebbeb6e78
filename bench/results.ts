import type { VariantCost } from './variants.ts';
import type { JournalCost } from './journal.ts';
import type { Machine } from './machine.ts';
import type { MemoryCost } from './memory.ts';
import type { PageCost } from './page.ts';
import type { StartFigure } from './start.ts';
import type { IdleCost, RushCost } from './streams.ts';

/** What each part measured. */
export interface Figures {
  readonly cost: { readonly rows: number; readonly runs: number; readonly variants: readonly VariantCost[] };
  readonly start: readonly StartFigure[];
  readonly idle: readonly IdleCost[];
  readonly memory: readonly MemoryCost[];
  readonly streams: readonly RushCost[];
  readonly page: PageCost;
  readonly journal: JournalCost;
}

export type Part = keyof Figures;

/** One run: `bench/report.json`. */
export interface Results {
  readonly command: string;
  readonly machine: Machine;
  /** A part that was not measured, or that failed, is absent. */
  readonly figures: Partial<Figures>;
  /** Parts that failed, and why. */
  readonly failed: Partial<Record<Part, string>>;
}
