import type { SourceConfig } from '../config/types.ts';
import { ConfigError } from '../core/errors.ts';
import { identityOf } from '../core/stream-key.ts';
import type { StreamStore } from '../journal/collection.ts';

/**
 * Refuses sources whose definition changed in what names streams and keys since their cursors were stored: records that
 * were sent would be sent again under other ids.
 * @throws ConfigError that says what changed, and what to do
 */
export async function requireSameDefinitions(
  streams: Pick<StreamStore, 'cursors'>,
  sources: readonly SourceConfig[],
): Promise<void> {
  const problems: string[] = [];
  for (const source of sources) {
    const { definition, name } = source;
    if (definition.changedSince === undefined) continue;
    const cursors = await streams.cursors(identityOf(source));
    const changed = [...cursors.values()].map((cursor) => definition.changedSince?.(cursor));
    const what = changed.find((one) => one !== undefined);
    if (what !== undefined)
      problems.push(
        `Source ${name}: the definition of ${definition.id} changed in ${what} since it was polled with this state. Choose: give the definition a new id; or start anew with: penstock state reset ${name} (events may then be sent again under other ids).`,
      );
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
