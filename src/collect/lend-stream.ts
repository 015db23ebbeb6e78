import { identityOf } from '../config/source-identity.ts';
import type { SourceConfig } from '../config/types.ts';
import type { StreamIdentity, StreamState } from '../journal/journal.ts';
import type { CommonOptions, Scope, StreamRun } from '../source.ts';
import type { PollContext } from './context.ts';

/** Makes a stream of the source known, and returns what the journal holds of it. */
export function openStream({ config, journal }: PollContext, scope: Scope): Promise<StreamState> {
  return journal.openStream(streamOf(config, scope));
}

/** What the journal knows a stream by. */
export function streamOf(config: SourceConfig, scope: Scope): StreamIdentity {
  const { name, ...names } = identityOf(config);
  return {
    ...names,
    source: name,
    scope: scope.id,
    cursorVersion: config.definition.cursorVersion ?? 1,
  };
}

/** What a source is lent to read one stream. */
export function lendStream(
  { journal, run }: PollContext,
  scope: Scope,
  stream: StreamState,
): StreamRun<CommonOptions> {
  return {
    ...run,
    scope,
    coverage: () => journal.coverage(stream.key),
    ledger: async (prefix) => {
      const entries = await journal.ledgerByPrefix(stream.key, prefix);
      return new Map([...entries].map(([key, { value }]) => [key, value]));
    },
  };
}
