import { Argument } from 'commander';
import { requireRewindable, rewindSource, type Rewound } from '../collect/rewind.ts';
import type { SourceConfig } from '../config/types.ts';
import { isoTime } from '../ecs/time.ts';
import { ConfigError, EXIT, StateError } from '../core/errors.ts';
import { openJournal } from '../journal/sqlite/sqlite-journal.ts';
import { StateInUseError } from '../journal/sqlite/state-problems.ts';
import { askHolder } from './carry-out.ts';
import { configFlag, examples, jsonFlag } from './flags.ts';
import { jsonLine, type Io } from './io.ts';
import { sourceNamed } from './named.ts';
import type { PenstockCommand } from './program.ts';
import { setUp, type Plan } from './set-up.ts';
import { requireState } from './state-exists.ts';
import { timeFlag, type TimeFlag } from './times.ts';

/** A daemon that moves begins with what is left within this time. Milliseconds. */
const PATIENCE = 10_000;

/** `penstock state rewind SOURCE --to T`: reads again from a time on. */
export const stateRewindCommand: PenstockCommand = {
  describe(command) {
    command
      .name('rewind')
      .description('Move the cursors of a source back to a time; events already known are not sent again.')
      .addArgument(new Argument('<source>', 'a source of the configuration'))
      .addOption(timeFlag('to', 'where its next poll begins').makeOptionMandatory())
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nWhat the state has forgotten meanwhile is sent again, under the same ids. Counts (petra-failed-attacks) of days older than\nrevise_days would then be added up twice by a store that does not know ids.',
      );
    return examples(command, [
      'penstock state rewind console --to 2026-03-01T08:00:00Z',
      'penstock state rewind console --to 6h',
    ]);
  },

  async run(io, flags, [name = '']) {
    const { config, log } = await setUp(io, flags);
    const source = sourceNamed(config, name);
    const now = io.clock.now();
    const to = (flags['to'] as TimeFlag)(now);
    requireRewindable(source);
    if (to > now) throw new ConfigError([`--to ${isoTime(to)}: expected a time that has passed`]);
    requireState(config.state.path);
    const rewound = await rewind(io, { config, log }, { source, to, now });
    if (flags['json'] === true || io.stdout.isTTY !== true)
      for (const { source: of, stream, before, cursor } of rewound)
        jsonLine(io.stdout, { source: of, stream, before, cursor });
    else if (rewound.length > 0) {
      io.stdout.write(
        `Rewound ${rewound.length} of the streams of ${name}; the next poll reads from ${isoTime(to)}.\n`,
      );
    }
    if (rewound.length === 0) io.stderr.write('No cursor stands after that time: nothing is changed.\n');
    return EXIT.done;
  },
};

interface Rewinding {
  readonly source: SourceConfig;
  readonly to: number;
  readonly now: number;
}

/** By this process; where another holds the state, by that one, between two of its polls. */
async function rewind(io: Io, plan: Plan, { source, to, now }: Rewinding): Promise<readonly Rewound[]> {
  try {
    const { clock } = io;
    const command = 'state rewind';
    await using journal = await openJournal({ ...plan.config.state, clock, log: plan.log, command });
    const others = plan.config.sources.map(({ name }) => name).filter((name) => name !== source.name);
    return await rewindSource(journal, source, { to, now, others });
  } catch (error) {
    if (!(error instanceof StateInUseError)) throw error;
    return await throughHolder(io, plan, { source, to, inUse: error });
  }
}

async function throughHolder(
  io: Io,
  plan: Plan,
  { source, to, inUse }: Omit<Rewinding, 'now'> & { readonly inUse: StateInUseError },
): Promise<readonly Rewound[]> {
  const want = { kind: 'rewind', source: source.name, to } as const;
  const followed = await askHolder(io, { ...plan, want }, { show: () => undefined, patience: PATIENCE });
  if (followed.kind === 'unheard') throw inUse;
  if (followed.kind !== 'finished') {
    throw new StateError(
      `The process that holds the state has not rewound ${source.name} yet. It is left to it, and to the next penstock run. See: penstock state show ${source.name}`,
    );
  }
  const { code, message, results = [] } = followed.outcome;
  if (code !== EXIT.done) throw new ConfigError([message]);
  return results as unknown as readonly Rewound[];
}
