/** What a poll has read so far. */
export class PollStats {
  rows = 0;
  new = 0;
  updated = 0;
  repeated = 0;
  malformed = 0;
  gaps = 0;
  /** Requests that still wait for the budget, as last said; not added up, since a later page knows better. */
  deferred = 0;
  /** More than half of some page did not fit its schema: the vendor changed its answer. */
  schemaChanged = false;

  add(other: PollStats): void {
    this.rows += other.rows;
    this.new += other.new;
    this.updated += other.updated;
    this.repeated += other.repeated;
    this.malformed += other.malformed;
    this.gaps += other.gaps;
    this.schemaChanged ||= other.schemaChanged;
  }

  /** Events journaled. */
  get told(): number {
    return this.new + this.updated + this.malformed;
  }
}
