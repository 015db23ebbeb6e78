import { Argument, Option } from 'commander';
import { stringify } from 'yaml';
import { type CommandGroup, configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { destinationNamed, unknownName } from './names.ts';
import { type Io, setUp } from './io.ts';
import { runJobs } from './jobs.ts';
import { clip, examples, jsonLine, say, table, wantsJson } from './output.ts';
import type { Config } from '../config/types.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { nest } from '../core/event.ts';
import { isoTime } from '../ecs/common.ts';
import type { HeldDeadLetter } from '../journal/delivery.ts';
import { decodeRecord } from '../otlp/decode.ts';
import type { JournalView } from '../journal/journal.ts';
import { openJournalReadOnly } from '../journal/open.ts';

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
    const byDestination = Map.groupBy(known, ({ destination }) => destination);
    const specs = [...byDestination].map(([destination, some]) => ({
      kind: 'retry' as const,
      destination,
      ...(ids.length > 0 && { ids: some.map(({ id }) => id) }),
    }));
    return runJobs(io, { ...loaded, json: wantsJson(io, flags), specs });
  },
};

async function lettersOf(
  { clock }: Io,
  { state }: Config,
  destination?: string,
): Promise<readonly HeldDeadLetter[]> {
  await using view = await openJournalReadOnly(state, { clock });
  return view.deadLetters.of(destination);
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

type Flags = Readonly<Record<string, unknown>>;

/** The widest reason in a cell; `dead-letters show` shows all of it. */
const WIDEST_REASON = 80;

const listCommand: PenstockCommand = {
  describe(command) {
    command
      .name('list')
      .description('List the events that a destination rejected, with the reason.')
      .addOption(destinationFlag())
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, [
      'penstock dead-letters list',
      'penstock dead-letters list --destination siem --json',
    ]);
  },

  async run(io, flags) {
    const letters = await held(io, flags);
    if (wantsJson(io, flags)) print(io, letters);
    else if (letters.length === 0) io.stderr.write('No dead letters.\n');
    else
      io.stdout.write(table(['ID', 'DESTINATION', 'AT', 'STATUS', 'DATASET', 'REASON'], letters.map(line)));
    return EXIT.done;
  },
};

const showCommand: PenstockCommand = {
  describe(command) {
    command
      .name('show')
      .description('Show one dead letter with its whole event.')
      .addArgument(new Argument('<id>', 'its number in the list, or its uid'))
      .addOption(destinationFlag())
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, ['penstock dead-letters show 12']);
  },

  async run(io, flags, [id = '']) {
    const letters = await held(io, flags);
    const found = letters.filter((letter) => String(letter.id) === id || letter.uid === id);
    if (found.length === 0)
      throw new ConfigError([`There is no dead letter ${id}. See: penstock dead-letters list`]);
    if (wantsJson(io, flags)) print(io, found);
    else for (const letter of found) say(io.stdout, `${stringify(toRow(letter))}\n`);
    return EXIT.done;
  },
};

const exportCommand: PenstockCommand = {
  describe(command) {
    command
      .name('export')
      .description('Print dead letters with their events, one JSON object per line.')
      .addOption(destinationFlag())
      .addOption(configFlag());
    return examples(command, ['penstock dead-letters export --destination siem > rejected.ndjson']);
  },

  async run(io, flags) {
    print(io, await held(io, flags));
    return EXIT.done;
  },
};

/** `penstock dead-letters …`: the events that a destination rejected for good. */
export const deadLettersCommands: CommandGroup = {
  describe(command) {
    return examples(command, ['penstock dead-letters list', 'penstock dead-letters retry']);
  },
  commands: [listCommand, showCommand, deadLettersRetryCommand, exportCommand],
};

function destinationFlag(): Option {
  return new Option('--destination <name>', 'only this destination');
}

async function held(io: Io, flags: Flags): Promise<readonly HeldDeadLetter[]> {
  const { config, log } = await setUp(io, flags);
  await using view = await openJournalReadOnly(config.state, { clock: io.clock, log });
  const destination = flags['destination'] as string | undefined;
  if (destination !== undefined) await requireDestination(view, config, destination);
  return await view.deadLetters.of(destination);
}

/** A destination that is no longer configured keeps its dead letters. */
async function requireDestination(view: JournalView, { destinations }: Config, name: string): Promise<void> {
  const known = [...destinations, ...(await view.destinations.all())].map((destination) => destination.name);
  if (!known.includes(name)) throw unknownName('destination', name, [...new Set(known)]);
}

function print({ stdout }: Io, letters: readonly HeldDeadLetter[]): void {
  for (const letter of letters) jsonLine(stdout, toRow(letter));
}

function toRow({ id, destination, status, reason, uid, at, record }: HeldDeadLetter) {
  const row = { id, destination, status: status ?? null, reason, uid, at: isoTime(at) };
  try {
    return { ...row, event: nest(decodeRecord(record).event) };
  } catch {
    // It was damaged in the state. Whoever repairs it needs its bytes.
    return { ...row, event: null, record: Buffer.from(record).toString('base64') };
  }
}

function line({ id, destination, at, status, dataset, reason }: HeldDeadLetter): string[] {
  return [String(id), destination, isoTime(at), String(status ?? ''), dataset, clip(reason, WIDEST_REASON)];
}
