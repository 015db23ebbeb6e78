import type { Logger } from '../../core/log.ts';
import type { LeaseLostError } from '../journal.ts';

const LOST =
  'Leases were lost, and nothing more is committed under them. Whoever takes them next continues after the last commit; what was read or sent since is repeated under the same ids.';

const BEHIND =
  'The database is behind what this process has seen: a backup was restored, or a standby was promoted that lagged. All leases were given up, and everything continues from what the database holds now. What is missing is read again and sent again under the same ids, as far as the vendors still return it, and requests of the missing time are not counted in the quotas. To lose no commit at a failover, set synchronous_standby_names.';

/** Says once of each hold that it was lost. Those that are lost together for the same reason share a line. */
export class LossLog {
  readonly #log: Logger | undefined;
  #lost: LeaseLostError[] = [];

  constructor(log: Logger | undefined) {
    this.#log = log;
  }

  add(error: LeaseLostError): void {
    if (this.#lost.push(error) === 1) queueMicrotask(() => this.#write());
  }

  /** `what`: what is missing, in words. */
  wentBack(what: string): void {
    this.#log?.error({ event: { reason: what } }, BEHIND);
  }

  #write(): void {
    const lost = this.#lost;
    this.#lost = [];
    for (const [reason, errors] of Map.groupBy(lost, ({ why }) => why)) {
      const names = (kind: string) =>
        errors.filter(({ subject }) => subject.kind === kind).map(({ subject }) => subject.name);
      const penstock = { sources: names('source'), destinations: names('destination') };
      this.#log?.warn({ event: { reason }, penstock }, LOST);
    }
  }
}
