import { Argument } from 'commander';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { requireState } from './state-presence.ts';
import { type Io, setUp } from './io.ts';
import { absolutePath } from '../config/files.ts';
import type { Config } from '../config/types.ts';
import { ConfigError, EXIT, explain } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { identityOf } from '../core/stream-key.ts';
import { counted } from '../core/text.ts';
import { exportState, importState, isStateHeld, openJournalReadOnly } from '../journal/open.ts';
import { type ExportedStream, StateDocument } from '../journal/state-document.ts';
import { examples, jsonLine, say, wantsJson } from './output.ts';

/** `penstock state export`: prints what moves to another machine, as one JSON document. */
export const stateExportCommand: PenstockCommand = {
  describe(command) {
    command
      .name('export')
      .description(
        'Print cursors, ledgers, coverage and gaps as one JSON document for state import. It has no secrets and no undelivered events.',
      )
      .addOption(configFlag())
      .addHelpText(
        'after',
        '\nTo move: stop the daemon, deliver the backlog (penstock once), export, import on the other machine, start the daemon there.',
      );
    return examples(command, [
      'penstock state export > penstock-state.json',
      'penstock state export | ssh other penstock state import -',
    ]);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    await requireState(config.state);
    jsonLine(io.stdout, await exportState(config.state, { clock: io.clock, log }));
    if (await isStateHeld(config.state)) {
      io.stderr.write(
        'A running process uses this state: what it sends from now on would be sent again by the other machine. To move, stop it and export again.\n',
      );
    }
    await using view = await openJournalReadOnly(config.state, { clock: io.clock, log });
    const { events } = await view.stats();
    if (events > 0) {
      io.stderr.write(
        `${counted(events, 'event is', 'events are')} undelivered and not exported. Deliver them before you delete this state, with: penstock once\n`,
      );
    }
    return EXIT.done;
  },
};

/** `penstock state import FILE|-`: continues where another machine's state ended. */
export const stateImportCommand: PenstockCommand = {
  describe(command) {
    command
      .name('import')
      .description('Import a document of state export into an empty state. The daemon must be stopped.')
      .addArgument(new Argument('<file>', 'the document, or - for standard input'))
      .addOption(configFlag())
      .addOption(jsonFlag());
    return examples(command, [
      'penstock state import penstock-state.json',
      'penstock state import - < penstock-state.json',
    ]);
  },

  async run(io, flags, [file = '-']) {
    const { config, log } = await setUp(io, flags);
    const document = parse(file, await read(io, file));
    await importState(config.state, { clock: io.clock, log, command: 'state import' }, document);
    warnOfUnread(io, config, document);
    const streams = document.streams.length;
    const ledger = document.streams.reduce((sum, stream) => sum + stream.ledger.length, 0);
    if (wantsJson(io, flags)) jsonLine(io.stdout, { streams, ledger });
    else
      io.stdout.write(
        `Imported ${counted(streams, 'stream')} and ${counted(ledger, 'ledger entry', 'ledger entries')}.\n`,
      );
    return EXIT.done;
  },
};

async function read({ stdin, cwd }: Io, file: string): Promise<string> {
  if (file === '-') return text(stdin);
  try {
    return await readFile(absolutePath(cwd, file), 'utf8');
  } catch (error) {
    throw new ConfigError([
      `${file} cannot be read: ${explain(error)}. Create it with: penstock state export`,
    ]);
  }
}

function parse(file: string, content: string): StateDocument {
  const name = file === '-' ? 'Standard input' : file;
  const advice = 'Nothing was imported. Create the document again with: penstock state export';
  let value: unknown;
  try {
    value = parseJson(content);
  } catch (error) {
    throw new ConfigError([`${name} is not valid JSON: ${explain(error)}. ${advice}`]);
  }
  const parsed = StateDocument.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigError([`${name} is not an exported state: ${z.prettifyError(parsed.error)}\n${advice}`]);
}

/** Warns of streams that no source of this configuration reads. */
function warnOfUnread({ stderr }: Io, { sources }: Config, { streams }: StateDocument): void {
  const known = sources.map(identityOf);
  const unread = streams.filter(
    ({ type, origin, account }) =>
      !known.some((one) => one.type === type && one.origin === origin && one.account === account),
  );
  for (const who of new Set(unread.map(inWords))) {
    say(
      stderr,
      `No source in this configuration reads ${who}: its streams were imported, but are not polled.\n`,
    );
  }
}

function inWords({ type, origin, account }: ExportedStream): string {
  return `${type} at ${origin}${account === '' ? '' : `, account ${account}`}`;
}
