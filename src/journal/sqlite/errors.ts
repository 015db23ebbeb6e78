import { explain, StateError } from '../../core/errors.ts';
import { JournalWriteError } from '../errors.ts';
import { diskFailure } from './disk-failure.ts';
import type { StateFiles } from './files.ts';
import { findDamageIn } from './integrity.ts';
import { isCorrupt, isReadOnly, mayPass, resultCode } from './result-codes.ts';
import { corrupt } from './state-problems.ts';

/** What an error of the store means to the rest of Penstock; errors that are not the store's come back as they are. */
export function translated(error: unknown, files: StateFiles): unknown {
  if (resultCode(error) === undefined) return error;
  if (isCorrupt(error)) return proven(error, files);
  if (isReadOnly(error)) {
    return new StateError(
      `The database in ${files.directory} cannot be written. Check its owner, its mode and its mount.`,
      { cause: error },
    );
  }
  if (!mayPass(error)) return error;
  const words =
    diskFailure(error, files.directory) ??
    `The journal in ${files.directory} could not be written or read: ${explain(error)}.`;
  return new JournalWriteError(`${words} The state is as it was before.`, { cause: error });
}

/** SQLite also calls a database corrupt that another process is changing: only a check through the log proves it. */
function proven(error: unknown, files: StateFiles): Error {
  let doubt: string;
  try {
    const damage = findDamageIn(files);
    if (damage !== undefined) return corrupt(files.database, damage, error);
    doubt = 'an integrity check finds nothing wrong';
  } catch (failure) {
    doubt = `an integrity check could not be made (${diskFailure(failure, files.directory) ?? explain(failure)})`;
  }
  return new JournalWriteError(
    `The journal in ${files.directory} could not be read (${explain(error)}), yet ${doubt}. The state is left as it is; try again.`,
    { cause: error },
  );
}
