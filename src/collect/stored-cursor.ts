import type { SourceConfig } from '../config/types.ts';
import { StateError } from '../core/errors.ts';
import type { StreamState } from '../journal/journal.ts';

/** A stream's cursor as its source reads it; undefined before its first page. Throws StateError when it cannot. */
export function decodeCursor({ name, definition }: SourceConfig, stream: StreamState): unknown {
  if (stream.cursor === undefined) return undefined;
  const decoded = definition.cursor.safeDecode(stream.cursor);
  if (decoded.success) return decoded.data;
  throw new StateError(
    `The cursor of source ${name} (stream ${stream.key}) cannot be read by this release: ${decoded.error.message}. ` +
      `Go back to the release that wrote it, or begin this stream anew with: penstock state reset ${name}`,
  );
}
