import type { App } from './app.ts';
import { longestWaitingFirst } from '../collect/due.ts';
import { collectSource } from '../collect/loop.ts';
import { serveRequests } from './jobs.ts';
import { trimNowAndThen } from './loops.ts';
import { together } from './together.ts';
import { watchState } from './watch-state.ts';

interface AloneOptions {
  /** The request to carry out. */
  readonly request: number;
  /** Whether sources are polled meanwhile, when they are due. */
  readonly polls: boolean;
  /** Everything ends when it settles. */
  readonly until: Promise<unknown>;
}

/** Carries out a request without a daemon, and delivers meanwhile. Rejects when the state cannot be used. */
export async function alone(app: App, { request, polls, until }: AloneOptions): Promise<void> {
  const sources = polls ? await longestWaitingFirst(app.journal, app.sources) : [];
  const loops = [
    ...app.deliveries.map((delivery) => delivery.run(app.delivering)),
    ...sources.map(({ context, schedule }) => collectSource(context, schedule)),
    trimNowAndThen(app),
    serveRequests(app, { only: request }),
    watchState(app),
    until.finally(() => app.abort()),
  ];
  await together(loops, () => app.abort());
}
