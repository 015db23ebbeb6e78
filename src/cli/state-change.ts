import { Argument, Option } from 'commander';
import {
  configFlag,
  examples,
  jsonFlag,
  knownSources,
  type PenstockCommand,
  requireState,
  unknownName,
} from './command.ts';
import type { Io } from './io.ts';
import { setUp } from './set-up.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { forgetSource } from '../journal/sqlite/forget-source.ts';
import { openJournalReadOnly } from '../journal/sqlite/sqlite-journal.ts';
import { jsonLine, wantsJson } from './output.ts';

/** `penstock state reset SOURCE`: forgets a source. */
export const stateResetCommand: PenstockCommand = {
  describe(command) {
    command
      .name('reset')
      .description(
        'Forget all that the state knows of a source; its next poll is a first one. Needs the daemon stopped.',
      )
      .addArgument(new Argument('<source>', 'a source of the configuration or of the state'))
      .addOption(new Option('--yes', 'do not ask; needed where there is no terminal'))
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText('after', `\n${CONSEQUENCES}`);
    return examples(command, ['penstock state reset console', 'penstock state reset console --yes']);
  },

  async run(io, flags, [name = '']) {
    const { config, log } = await setUp(io, flags);
    const { path } = config.state;
    {
      await using view = await openJournalReadOnly(path, { clock: io.clock, log });
      const known = await knownSources(view, config);
      if (!known.includes(name)) throw unknownName('source', name, known);
    }
    if (flags['yes'] !== true) {
      if (io.stdin.isTTY !== true)
        throw new ConfigError([
          `state reset ${name}: expected --yes, since there is no terminal to ask on. ${CONSEQUENCES}`,
        ]);
      const question = `This forgets all that the state in ${path} knows of source ${name}.\n${CONSEQUENCES}\nType the name of the source to go on: `;
      if (!(await confirm(io, question, name))) {
        io.stderr.write('Nothing was changed.\n');
        return EXIT.usage;
      }
    }
    requireState(path);
    const { streams, ledger } = forgetSource(
      { ...config.state, clock: io.clock, log, command: 'state reset' },
      name,
    );
    if (wantsJson(io, flags)) jsonLine(io.stdout, { source: name, streams, ledger });
    else io.stdout.write(`Forgot source ${name}: ${streams} streams, ${ledger} ledger entries.\n`);
    return EXIT.done;
  },
};

const CONSEQUENCES =
  'Its next poll begins initial_lookback ago and sends those records again: creations and login attempts under the same ids,\n' +
  'but updates and counters have meaning from one state only, and are sent anew. What is queued is still delivered.';

/** Asks on a terminal, and says whether the answer is just `expected`. */
export async function confirm({ stdin, stderr }: Io, question: string, expected: string): Promise<boolean> {
  stderr.write(question);
  return (await firstLine(stdin)) === expected;
}

async function firstLine(input: Io['stdin']): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of input) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.includes('\n')) break;
  }
  return (text.split('\n')[0] ?? '').trim();
}
