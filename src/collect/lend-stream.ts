import { identityOf } from '../core/stream-key.ts';
import type { SourceConfig } from '../config/types.ts';
import type { LedgerEntry, StreamIdentity, StreamState } from '../journal/journal.ts';
import type { CommonOptions, LedgerValue, Scope, StreamContext } from '../core/source.ts';
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
): StreamContext<CommonOptions> {
  return {
    ...run,
    scope,
    coverage: () => journal.coverage(stream.key),
    known: async (keys) => valuesOf(await journal.ledger(stream.key, keys)),
    async *ledger(prefix) {
      let after: string | undefined;
      do {
        const part = await journal.ledgerByPrefix(stream.key, prefix, after);
        yield valuesOf(part.entries);
        after = part.next;
      } while (after !== undefined);
    },
  };
}

function valuesOf(entries: ReadonlyMap<string, LedgerEntry>): ReadonlyMap<string, LedgerValue> {
  return new Map([...entries].map(([key, { value }]) => [key, value]));
}
