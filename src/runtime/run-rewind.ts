import { rewindSource } from '../collect/rewind.ts';
import { ConfigError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import type { Job } from './job.ts';
import type { Outcome, Rewind } from './wanted.ts';

/** Moves a source's cursors back between two sweeps: one under way would commit those that it began with. */
export async function runRewind({ app }: Job, { source, to }: Rewind): Promise<Outcome> {
  const { journal, clock } = app;
  const context = app.sources.find((unit) => unit.context.config.name === source)?.context;
  if (context === undefined)
    return { code: 2, message: `The configuration has no source ${source} any more.` };
  try {
    const others = app.sources
      .map(({ context: { config } }) => config.name)
      .filter((name) => name !== source);
    const rewound = await context.polls.run(() =>
      rewindSource(journal, context.config, { to, now: clock.now(), others }),
    );
    const results = rewound.map((one) => ({ ...one }) as Readonly<Record<string, Json>>);
    return { code: 0, message: `Rewound ${rewound.length} of the streams of ${source}.`, results };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { code: 2, message: error.message };
  }
}
