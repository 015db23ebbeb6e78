import { Argument, Option } from 'commander';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { knownSources, sourceNamed, unknownName } from './names.ts';
import { requireState } from './state-presence.ts';
import { timeFlag, type TimeFlag } from './time-flags.ts';
import { type Io, setUp } from './io.ts';
import { enqueueAndFollow } from './jobs.ts';
import { examples, jsonLine, say, wantsJson } from './output.ts';
import { requireRewindable, rewindSource, type Rewound } from '../collect/rewind.ts';
import type { SourceConfig } from '../config/types.ts';
import { ConfigError, EXIT, StateError } from '../core/errors.ts';
import { counted } from '../core/text.ts';
import { isoTime } from '../ecs/common.ts';
import { forgetSource, openJournal, openJournalReadOnly, placeInWords } from '../journal/open.ts';
import { StateInUseError } from '../journal/journal.ts';
import { resultsOf } from '../runtime/jobs.ts';
import type { LoadedConfig } from '../runtime/reload.ts';

/** A daemon that is not hung starts a job within this time. Milliseconds. */
const START_WITHIN = 10_000;

/** `penstock state rewind SOURCE --to T`: the next poll reads again from a time on. */
export const stateRewindCommand: PenstockCommand = {
  describe(command) {
    command
      .name('rewind')
      .description('Move the cursors of a source back to a time; events already known are not sent again.')
      .addArgument(new Argument('<source>', 'a source of the configuration'))
      .addOption(timeFlag('to', 'where the next poll begins').makeOptionMandatory())
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nEvents that the state no longer knows are sent again, under the same ids. A store that ignores ids would then add up counts\n(petra-failed-attacks) of days older than revise_days twice.',
      );
    return examples(command, [
      'penstock state rewind console --to 2026-03-01T08:00:00Z',
      'penstock state rewind console --to 6h',
    ]);
  },

  async run(io, flags, [name = '']) {
    const loaded = await setUp(io, flags);
    const source = sourceNamed(loaded.config, name);
    const now = io.clock.now();
    const to = (flags['to'] as TimeFlag)(now);
    requireRewindable(source);
    if (to > now) throw new ConfigError([`--to ${isoTime(to)}: must be in the past`]);
    await requireState(loaded.config.state);
    const rewound = await rewind(io, loaded, { source, to, now });
    if (wantsJson(io, flags)) {
      for (const { source: of, stream, before, cursor } of rewound)
        jsonLine(io.stdout, { source: of, stream, before, cursor });
    } else if (rewound.length > 0) {
      say(
        io.stdout,
        `Rewound ${counted(rewound.length, 'stream')} of ${name}; the next poll reads from ${isoTime(to)}.\n`,
      );
    }
    if (rewound.length === 0) io.stderr.write('No cursor is later than that time; nothing was changed.\n');
    return EXIT.done;
  },
};

interface Rewinding {
  readonly source: SourceConfig;
  readonly to: number;
  readonly now: number;
}

/** Rewinds in this process; if another process holds the state, that one rewinds between two of its polls. */
async function rewind(io: Io, loaded: LoadedConfig, rewinding: Rewinding): Promise<readonly Rewound[]> {
  const { config, log } = loaded;
  const { source, to, now } = rewinding;
  try {
    await using journal = await openJournal(config.state, {
      clock: io.clock,
      log,
      command: 'state rewind',
    });
    const others = config.sources.map(({ name }) => name).filter((name) => name !== source.name);
    return await rewindSource(journal, source, { to, now, others });
  } catch (error) {
    if (!(error instanceof StateInUseError)) throw error;
    return await rewindInHolder(io, loaded, rewinding, error);
  }
}

async function rewindInHolder(
  io: Io,
  loaded: LoadedConfig,
  { source, to }: Rewinding,
  inUse: StateInUseError,
): Promise<readonly Rewound[]> {
  const spec = { kind: 'rewind', source: source.name, to } as const;
  const [followed] = await enqueueAndFollow(
    io,
    { ...loaded, specs: [spec] },
    { show: () => undefined, startWithin: START_WITHIN },
  );
  if (followed?.kind === 'unstarted') throw inUse;
  if (followed?.kind !== 'finished') {
    throw new StateError(
      `The process that holds the state has not rewound ${source.name} yet. It will, or the next penstock run will. See: penstock state show ${source.name}`,
    );
  }
  const { code, message } = followed.outcome;
  if (code !== EXIT.done) throw new ConfigError([message]);
  return resultsOf('rewind', followed.job) ?? [];
}

/** `penstock state reset SOURCE`: deletes what the state knows about a source. */
export const stateResetCommand: PenstockCommand = {
  describe(command) {
    command
      .name('reset')
      .description(
        'Delete everything that the state knows about a source; its next poll is like its first. The daemon must be stopped.',
      )
      .addArgument(new Argument('<source>', 'a source of the configuration or of the state'))
      .addOption(new Option('--yes', 'do not ask for confirmation; required without a terminal'))
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText('after', `\n${CONSEQUENCES}`);
    return examples(command, ['penstock state reset console', 'penstock state reset console --yes']);
  },

  async run(io, flags, [name = '']) {
    const { config, log } = await setUp(io, flags);
    const { state } = config;
    {
      await using view = await openJournalReadOnly(state, { clock: io.clock, log });
      const known = await knownSources(view.streams, config);
      if (!known.includes(name)) throw unknownName('source', name, known);
    }
    if (flags['yes'] !== true) {
      if (io.stdin.isTTY !== true)
        throw new ConfigError([
          `state reset ${name}: --yes is required, because there is no terminal to ask on. ${CONSEQUENCES}`,
        ]);
      const question = `This deletes everything that the state in ${placeInWords(state.place)} knows about source ${name}.\n${CONSEQUENCES}\nType the name of the source to continue: `;
      if (!(await confirm(io, question, name))) {
        io.stderr.write('Nothing was changed.\n');
        return EXIT.usage;
      }
    }
    await requireState(state);
    const { streams, ledger } = await forgetSource(
      state,
      { clock: io.clock, log, command: 'state reset' },
      name,
    );
    if (wantsJson(io, flags)) jsonLine(io.stdout, { source: name, streams, ledger });
    else
      io.stdout.write(
        `Reset source ${name}: deleted ${counted(streams, 'stream')} and ${counted(ledger, 'ledger entry', 'ledger entries')}.\n`,
      );
    return EXIT.done;
  },
};

const CONSEQUENCES =
  'The next poll starts at initial_lookback and sends those records again: new records under the same ids, unless the key in\n' +
  'their definition changed; updates and counters under new ids, because theirs depend on the state. Queued events are still delivered.';

/** Asks on a terminal; true when the answer is exactly `expected`. */
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
