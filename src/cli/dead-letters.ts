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
    const { known, orphaned } = split(await wantedOf(io, loaded.config, { ids, only }), loaded.config);
    for (const { destination } of orphaned) {
      io.stderr.write(`Destination ${destination} is not in the configuration; its dead letters are kept.\n`);
    }
    if (known.length === 0) {
      io.stderr.write('No dead letters to retry.\n');
      return EXIT.done;
    }
    const specs = known.map((one) => ({ kind: 'retry' as const, ...one }));
    return runJobs(io, { ...loaded, json: wantsJson(io, flags), specs });
  },
};

/** What is sent again to one destination. Without ids, all its dead letters. */
interface Wanted {
  readonly destination: string;
  readonly ids?: number[];
}

/** `only`: the destination, if one is named. The state is closed again: a job opens it to write. */
async function wantedOf(
  { clock }: Io,
  { state }: Config,
  { ids, only }: { readonly ids: readonly string[]; readonly only: string | undefined },
): Promise<readonly Wanted[]> {
  await using view = await openJournalReadOnly(state, { clock });
  return ids.length === 0 ? await destinationsWith(view, only) : await chosen(view, ids, only);
}

/** The destinations with dead letters, also those that are configured no longer. */
async function destinationsWith(view: JournalView, only: string | undefined): Promise<readonly Wanted[]> {
  const wanted: Wanted[] = [];
  for (const { name } of await view.destinations.all())
    if ((only ?? name) === name && (await view.deadLetters.count(name)) > 0)
      wanted.push({ destination: name });
  return wanted;
}

/** Throws ConfigError (2) for an id that no dead letter has. */
async function chosen(
  view: JournalView,
  names: readonly string[],
  only: string | undefined,
): Promise<readonly Wanted[]> {
  const found: HeldDeadLetter[] = [];
  const unknown: string[] = [];
  for (const name of names) {
    const letters = await view.deadLetters.find(name, only);
    found.push(...letters);
    if (letters.length === 0) unknown.push(name);
  }
  if (unknown.length > 0) throw new ConfigError(unknown.map(noLetter));
  return [...Map.groupBy(found, ({ destination }) => destination)].map(([destination, letters]) => ({
    destination,
    ids: [...new Set(letters.map(({ id }) => id))].toSorted((a, b) => a - b),
  }));
}

function noLetter(name: string): string {
  return `There is no dead letter ${name}. See: penstock dead-letters list`;
}

function split(wanted: readonly Wanted[], { destinations }: Config) {
  const isKnown = ({ destination }: Wanted) => destinations.some(({ name }) => name === destination);
  return {
    known: wanted.filter((one) => isKnown(one)),
    orphaned: wanted.filter((one) => !isKnown(one)),
  };
}

type Flags = Readonly<Record<string, unknown>>;

/** The widest reason in a cell; `dead-letters show` shows all of it. */
const WIDEST_REASON = 80;

const HEAD = ['ID', 'DESTINATION', 'AT', 'STATUS', 'DATASET', 'REASON'];

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
    const json = wantsJson(io, flags);
    let isEmpty = true;
    await using held = await opened(io, flags);
    for await (const letters of held.parts()) {
      isEmpty = false;
      if (json) print(io, letters);
      else io.stdout.write(table(HEAD, letters.map(line)));
    }
    if (isEmpty && !json) io.stderr.write('No dead letters.\n');
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
    await using held = await opened(io, flags);
    const found = await held.find(id);
    if (found.length === 0) throw new ConfigError([noLetter(id)]);
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
    await using held = await opened(io, flags);
    for await (const letters of held.parts()) print(io, letters);
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

interface Held extends AsyncDisposable {
  /** All of them, some at a time: there may be more than fit into memory. */
  parts(): AsyncGenerator<readonly HeldDeadLetter[]>;
  find(name: string): Promise<readonly HeldDeadLetter[]>;
}

/** The dead letters that the flags name. */
async function opened(io: Io, flags: Flags): Promise<Held> {
  const { config, log } = await setUp(io, flags);
  await using opening = new AsyncDisposableStack();
  const view = opening.use(await openJournalReadOnly(config.state, { clock: io.clock, log }));
  const destination = flags['destination'] as string | undefined;
  if (destination !== undefined) await requireDestination(view, config, destination);
  const resources = opening.move();
  return {
    async *parts() {
      let letters = await view.deadLetters.of(destination);
      for (; letters.length > 0; letters = await view.deadLetters.of(destination, letters.at(-1)?.id))
        yield letters;
    },
    find: (name) => view.deadLetters.find(name, destination),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
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
