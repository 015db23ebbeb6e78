import type { App } from './app.ts';
import type { Logger } from '../core/log.ts';
import type { Progress } from './wanted.ts';

/** A request that is being carried out. */
export interface Job {
  readonly app: App;
  readonly log: Logger;
  /** As whoever carried it out before left it. */
  readonly before: Progress | undefined;
  /** Durable when it resolves. */
  note(progress: Progress): Promise<void>;
}
