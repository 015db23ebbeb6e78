import { isDeepStrictEqual } from 'node:util';
import { identityOf } from '../core/stream-key.ts';
import type { SourceConfig } from '../config/types.ts';
import { ConfigError } from '../core/errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { StreamState, StreamStore } from '../journal/collection.ts';
import { decodeCursor } from './context.ts';

/** A stream whose cursor was moved back. Cursors are encoded, as the journal stores them. */
export interface Rewound {
  readonly source: string;
  readonly stream: string;
  readonly before: unknown;
  readonly cursor: unknown;
}

interface Rewinding {
  /** Epoch ms. */
  readonly to: number;
  readonly now: number;
  /** Names of the other sources of the configuration, which may read other parts of the same account. */
  readonly others: readonly string[];
}

type RewindJournal = Pick<Journal, 'streams' | 'commit' | 'sources'>;

/**
 * Moves the cursors of a source back to a time (epoch ms), so that its next poll, which is due at once, reads again
 * from there. Records that the ledger still knows are recognised; the others are emitted again under the same ids.
 * Cursors before that time stay. Hold the source's `polls` mutex: a poll that is under way would commit the cursor that
 * it began with.
 * @throws ConfigError when the vendor cannot be asked for the past, or the source was never polled
 */
export async function rewindSource(
  journal: RewindJournal,
  config: SourceConfig,
  { to, now, others }: Rewinding,
): Promise<readonly Rewound[]> {
  const { name, definition } = config;
  requireRewindable(config);
  const streams = await polledStreams(journal.streams, config, others);
  if (streams.length === 0) {
    throw new ConfigError([
      `Source ${name} was never polled with this state, so there is nothing to rewind. Its first poll begins initial_lookback ago. See: penstock state list`,
    ]);
  }
  const rewound: Rewound[] = [];
  for (const stream of streams) {
    const decoded = definition.rewind?.(decodeCursor(config, stream), to);
    const cursor: unknown = definition.cursor.encode(decoded);
    if (isDeepStrictEqual(cursor, stream.cursor)) continue;
    await move(journal, config, { stream, cursor, now });
    rewound.push({ source: name, stream: stream.key, before: stream.cursor, cursor });
  }
  if (rewound.length > 0) await journal.sources.setNextDue(name, now);
  return rewound;
}

/** Throws ConfigError when the vendor of a source cannot be asked for the past. */
export function requireRewindable({ name, definition }: SourceConfig): void {
  if (definition.rewind !== undefined) return;
  throw new ConfigError([
    `Source ${name} cannot be rewound: ${definition.id} ${definition.noPast ?? 'returns only the current data and cannot be asked for the past'}.`,
  ]);
}

async function polledStreams(
  store: Pick<StreamStore, 'all'>,
  config: SourceConfig,
  others: readonly string[],
): Promise<readonly StreamState[]> {
  const { type, origin, account } = identityOf(config);
  const streams = await store.all();
  return streams.filter(
    (stream) =>
      stream.type === type &&
      stream.origin === origin &&
      stream.account === account &&
      !others.includes(stream.source) &&
      !stream.orphaned &&
      stream.cursor !== undefined,
  );
}

interface Move {
  readonly stream: StreamState;
  readonly cursor: unknown;
  readonly now: number;
}

async function move(
  journal: RewindJournal,
  { name, definition }: SourceConfig,
  { stream, cursor, now }: Move,
): Promise<void> {
  await journal.streams.open({ ...stream, source: name, cursorVersion: definition.cursorVersion ?? 1 });
  await journal.commit({
    stream: stream.key,
    source: name,
    observedAt: now,
    cursor,
  });
}
