import { Argument, Option } from 'commander';
import type { Config } from '../config/types.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import type { HeldDeadLetter } from '../journal/journal.ts';
import { openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { configFlag, destinationNamed, examples, jsonFlag, type PenstockCommand } from './command.ts';
import type { Io } from './io.ts';
import { runJob } from './jobs.ts';
import { setUp } from './set-up.ts';
import { wantsJson } from './output.ts';

/** `penstock dead-letters retry [ID…]`: sends dead letters again. */
export const deadLettersRetryCommand: PenstockCommand = {
  describe(command) {
    command
      .name('retry')
      .description(
        'Send dead letters again, under the same ids, behind live events; accepted events are removed from the list.',
      )
      .addArgument(new Argument('[id...]', 'ids or uids from the list; all when none is given'))
      .addOption(new Option('--destination <name>', 'only those of this destination'))
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nExit codes: 0 all were accepted, 2 usage or configuration, 4 some were rejected again or are waiting, 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock dead-letters retry',
      'penstock dead-letters retry 12 13',
      'penstock dead-letters retry --destination siem',
    ]);
  },

  async run(io, flags, ids) {
    const loaded = await setUp(io, flags);
    const only = flags['destination'] as string | undefined;
    if (only !== undefined) destinationNamed(loaded.config, only);
    const letters = chosen(await lettersOf(io, loaded.config, only), ids);
    const { known, orphaned } = split(letters, loaded.config);
    for (const name of new Set(orphaned.map(({ destination }) => destination))) {
      io.stderr.write(`Destination ${name} is not in the configuration; its dead letters are kept.\n`);
    }
    if (known.length === 0) {
      io.stderr.write('No dead letters to retry.\n');
      return EXIT.done;
    }
    const destinations = [...new Set(known.map(({ destination }) => destination))].toSorted();
    const json = wantsJson(io, flags);
    const some = ids.length === 0 ? {} : { ids: known.map(({ id }) => id) };
    return runJob(io, { ...loaded, json, spec: { kind: 'retry', destinations, ...some } });
  },
};

async function lettersOf(
  { clock }: Io,
  { state }: Config,
  destination?: string,
): Promise<readonly HeldDeadLetter[]> {
  await using view = await openJournalReadOnly(state.path, { clock });
  return view.deadLetters(destination);
}

/** Throws ConfigError (2) for an id that none of them has. */
function chosen(letters: readonly HeldDeadLetter[], ids: readonly string[]): readonly HeldDeadLetter[] {
  const unknown = ids.filter((wanted) => !letters.some((letter) => has(letter, wanted)));
  if (unknown.length > 0) {
    throw new ConfigError(
      unknown.map((wanted) => `There is no dead letter ${wanted}. See: penstock dead-letters list`),
    );
  }
  return ids.length === 0 ? letters : letters.filter((letter) => ids.some((wanted) => has(letter, wanted)));
}

function has({ id, uid }: HeldDeadLetter, wanted: string): boolean {
  return String(id) === wanted || uid === wanted;
}

function split(letters: readonly HeldDeadLetter[], { destinations }: Config) {
  const isKnown = ({ destination }: HeldDeadLetter) => destinations.some(({ name }) => name === destination);
  return {
    known: letters.filter((letter) => isKnown(letter)),
    orphaned: letters.filter((letter) => !isKnown(letter)),
  };
}
