import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Argument } from 'commander';
import { z } from 'zod';
import { absolutePath } from '../config/files.ts';
import { identityOf } from '../core/stream-key.ts';
import type { Config } from '../config/types.ts';
import { ConfigError, EXIT, explain } from '../core/errors.ts';
import { StateDocument, type ExportedStream } from '../journal/state-document.ts';
import { importState } from '../journal/sqlite/transfer.ts';
import { parseJson } from '../core/json.ts';
import { configFlag, examples, jsonFlag } from './flags.ts';
import { jsonLine, say, type Io } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { setUp } from './set-up.ts';

/** `penstock state import FILE|-`: goes on where another machine's state left off. */
export const stateImportCommand: PenstockCommand = {
  describe(command) {
    command
      .name('import')
      .description(
        'Read a document of state export into a state that holds nothing yet. Needs the daemon stopped.',
      )
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
    importState({ ...config.state, clock: io.clock, log, command: 'state import' }, document);
    warnOfUnread(io, config, document);
    const streams = document.streams.length;
    const ledger = document.streams.reduce((sum, stream) => sum + stream.ledger.length, 0);
    if (flags['json'] === true || io.stdout.isTTY !== true) jsonLine(io.stdout, { streams, ledger });
    else io.stdout.write(`Imported ${streams} streams, ${ledger} ledger entries.\n`);
    return EXIT.done;
  },
};

async function read({ stdin, cwd }: Io, file: string): Promise<string> {
  if (file === '-') return text(stdin);
  try {
    return await readFile(absolutePath(cwd, file), 'utf8');
  } catch (error) {
    throw new ConfigError([`${file} cannot be read: ${explain(error)}. Make it with: penstock state export`]);
  }
}

function parse(file: string, content: string): StateDocument {
  const name = file === '-' ? 'Standard input' : file;
  const advice = 'Nothing was imported. Make it anew with: penstock state export';
  let value: unknown;
  try {
    value = parseJson(content);
  } catch (error) {
    throw new ConfigError([`${name} is no JSON: ${explain(error)}. ${advice}`]);
  }
  const parsed = StateDocument.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigError([`${name} is no exported state: ${z.prettifyError(parsed.error)}\n${advice}`]);
}

/** A stream that no source of this configuration reads would go on nowhere. */
function warnOfUnread({ stderr }: Io, { sources }: Config, { streams }: StateDocument): void {
  const known = sources.map(identityOf);
  const unread = streams.filter(
    ({ type, origin, account }) =>
      !known.some((one) => one.type === type && one.origin === origin && one.account === account),
  );
  for (const who of new Set(unread.map(inWords))) {
    say(
      stderr,
      `No source of this configuration is ${who}: what was imported of it is kept, and not polled.\n`,
    );
  }
}

function inWords({ type, origin, account }: ExportedStream): string {
  return `${type} at ${origin}${account === '' ? '' : `, account ${account}`}`;
}
