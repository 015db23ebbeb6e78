import { Argument, Option } from 'commander';
import { stringify } from 'yaml';
import type { Config } from '../config/types.ts';
import { nest } from '../core/event.ts';
import { isoTime } from '../ecs/time.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import type { HeldDeadLetter, JournalView } from '../journal/journal.ts';
import { openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { deadLettersRetryCommand } from './dead-letters-retry.ts';
import {
  type CommandGroup,
  configFlag,
  examples,
  jsonFlag,
  type PenstockCommand,
  unknownName,
} from './command.ts';
import type { Io } from './io.ts';
import { setUp } from './set-up.ts';
import { clip, jsonLine, say, table, wantsJson } from './output.ts';

type Flags = Readonly<Record<string, unknown>>;

/** What a cell shows of a destination's words; `dead-letters show` shows all of them. */
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
    else if (letters.length === 0) io.stderr.write('There are no dead letters.\n');
    else
      io.stdout.write(table(['ID', 'DESTINATION', 'AT', 'STATUS', 'DATASET', 'REASON'], letters.map(line)));
    return EXIT.done;
  },
};

const showCommand: PenstockCommand = {
  describe(command) {
    command
      .name('show')
      .description('Show one dead letter, the whole event with it.')
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
      .description('Print dead letters whole, one JSON object a line.')
      .addOption(destinationFlag())
      .addOption(configFlag());
    return examples(command, ['penstock dead-letters export --destination siem > refused.ndjson']);
  },

  async run(io, flags) {
    print(io, await held(io, flags));
    return EXIT.done;
  },
};

/** `penstock dead-letters …`: what a destination refused for good. */
export const deadLettersCommands: CommandGroup = {
  describe(command) {
    command
      .name('dead-letters')
      .description('List, retry and export the events that a destination rejected.');
    return examples(command, ['penstock dead-letters list', 'penstock dead-letters retry']);
  },
  commands: [listCommand, showCommand, deadLettersRetryCommand, exportCommand],
};

function destinationFlag(): Option {
  return new Option('--destination <name>', 'only of this destination');
}

async function held(io: Io, flags: Flags): Promise<readonly HeldDeadLetter[]> {
  const { config, log } = await setUp(io, flags);
  await using view = await openJournalReadOnly(config.state.path, { clock: io.clock, log });
  const destination = flags['destination'] as string | undefined;
  if (destination !== undefined) await requireDestination(view, config, destination);
  return await view.deadLetters(destination);
}

/** A destination that left the file still has its dead letters. */
async function requireDestination(view: JournalView, { destinations }: Config, name: string): Promise<void> {
  const known = [...destinations, ...(await view.destinations())].map((destination) => destination.name);
  if (!known.includes(name)) throw unknownName('destination', name, [...new Set(known)]);
}

function print({ stdout }: Io, letters: readonly HeldDeadLetter[]): void {
  for (const letter of letters) jsonLine(stdout, toRow(letter));
}

function toRow({ id, destination, status, reason, uid, at, event }: HeldDeadLetter) {
  return { id, destination, status: status ?? null, reason, uid, at: isoTime(at), event: nest(event) };
}

function line({ id, destination, at, status, event, reason }: HeldDeadLetter): string[] {
  const dataset = String(event['event.dataset'] ?? '');
  return [String(id), destination, isoTime(at), String(status ?? ''), dataset, clip(reason, WIDEST_REASON)];
}
