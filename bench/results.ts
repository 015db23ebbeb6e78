import type { VariantCost } from './variants.ts';
import type { JournalCost } from './journal.ts';
import type { Machine } from './machine.ts';
import type { MemoryCost } from './memory.ts';
import type { SpreadCost } from './many-sources.ts';
import type { PageCost } from './page.ts';
import type { ReplicasFigures } from './replicas.ts';
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
  readonly replicas: ReplicasFigures;
  readonly spread: SpreadCost;
}

/** Which run measured a part. */
export interface Provenance {
  readonly command: string;
  readonly date: string;
  readonly commit: string;
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
  /** Parts that were measured in a run of their own, and added. */
  readonly added?: Partial<Record<Part, Provenance>>;
}
