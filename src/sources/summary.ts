import type { Source } from '../core/source.ts';

/** What `penstock sources` lists of a source type. */
export interface SourceSummary {
  readonly type: string;
  readonly title: string;
  readonly dataset: string;
  readonly stream: string;
  /** `built-in`, or what the configuration names. */
  readonly from: string;
}

export function summaryOf({ id, title, dataset, stream }: Source, from: string): SourceSummary {
  return { type: id, title, dataset, stream, from };
}
