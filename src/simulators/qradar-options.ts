import type { Clock, Random } from '../core/clock.ts';
import type { FaultPlan } from './faults.ts';
import type { LoginAttempt } from './qradar-entry.ts';
import type { Paging } from './qradar-list.ts';
import type { Right } from './qradar-rights.ts';
import type { ConsoleUser } from './qradar-users.ts';
import type { Versions } from './qradar-versions.ts';
import type { Place } from './server.ts';

/** How a console is, and in what it departs from what is documented. */
export interface ConsoleOptions extends Paging, Place {
  readonly clock: Clock;
  readonly vendor?: 'qradar' | 'jsa' | undefined;
  /** An administrator's token. */
  readonly token?: string | undefined;
  /** More tokens, with what they may see. */
  readonly tokens?: Readonly<Record<string, Right>> | undefined;
  /** An administrator for HTTP Basic, whose every request is a login attempt of its own, as the documents say. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly rows?: Iterable<LoginAttempt> | undefined;
  readonly users?: readonly ConsoleUser[] | undefined;
  /** Who gets `/api/config/access/users`: the others see themselves (own, the default), or nothing (admin), or all are refused. */
  readonly usersFor?: 'own' | 'admin' | 'nobody' | undefined;
  readonly versions?: Versions | undefined;
  /** Every `sort` is answered 422/1030, as a release without it might. */
  readonly refuseSort?: boolean | undefined;
  /** Failures now and then. */
  readonly faults?: { readonly plan: FaultPlan; readonly random: Random };
}
