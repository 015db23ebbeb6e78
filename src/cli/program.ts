import { Command, CommanderError } from 'commander';
import { ConfigError, EXIT, StateError } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';
import type { CommandGroup, PenstockCommand } from './command.ts';
import type { ExitCode, Io } from './io.ts';
import { examples, say } from './output.ts';

interface Entry {
  readonly name: string;
  readonly description: string;
  /** Loads what the command needs, and nothing that others need. */
  readonly load: () => Promise<PenstockCommand | CommandGroup>;
}

/** The commands in the order of `penstock --help`. */
const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    description:
      'Poll and deliver until stopped. SIGTERM stops it within 10 s without losing events; SIGHUP reloads the configuration.',
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    name: 'once',
    description: 'Poll every stream until caught up, deliver, and exit.',
    load: async () => (await import('./once.ts')).onceCommand,
  },
  {
    name: 'check',
    description:
      'Check configuration, credentials, rights, clocks, quotas and destinations. At most one request per endpoint; read-only.',
    load: async () => (await import('./check.ts')).checkCommand,
  },
  {
    name: 'preview',
    description: 'Show what a source would send next: one poll of each stream from its cursor, read-only.',
    load: async () => (await import('./preview.ts')).previewCommand,
  },
  {
    name: 'backfill',
    description:
      'Read a past span of a source, behind live polling. If a daemon is running, it does the work and the command shows progress.',
    load: async () => (await import('./backfill.ts')).backfillCommand,
  },
  {
    name: 'gaps',
    description:
      'Show what was not collected, or was skipped for a destination, and why. Exits 3 when something is missing, for scripts.',
    load: async () => (await import('./gaps.ts')).gapsCommand,
  },
  {
    name: 'state',
    description: 'Inspect, move, export and import state: cursors, ledgers, positions.',
    load: async () => (await import('./state.ts')).stateCommands,
  },
  {
    name: 'dead-letters',
    description: 'List, retry and export the events that a destination rejected.',
    load: async () => (await import('./dead-letters.ts')).deadLettersCommands,
  },
  {
    name: 'replay',
    description:
      'Resend retained events (state.retain) to a destination: the same bytes under the same ids, behind live events.',
    load: async () => (await import('./replay.ts')).replayCommand,
  },
  {
    name: 'status',
    description: 'Show the status of sources and destinations, with or without a running daemon.',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'sources',
    description: 'List the source types, or the options of one.',
    load: async () => (await import('./sources.ts')).sourcesCommand,
  },
  {
    name: 'source',
    description: 'Write, test and record source types that are defined by a source.yaml.',
    load: async () => (await import('./source.ts')).sourceCommands,
  },
  {
    name: 'schema',
    description: 'Print the JSON Schema of the configuration.',
    load: async () => (await import('./schema.ts')).schemaCommand,
  },
  {
    name: 'demo',
    description:
      'Run the pipeline between simulated vendors and a receiver, kill it mid-request, restart it, and compare what arrived with what the vendors have. No key, no network.',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
  {
    name: 'simulate',
    description:
      'Serve simulated vendors until stopped (QRadar, JSA, Petra and BotBye, on four consecutive ports), and print the sources that poll them.',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
];

/** Runs the command that `args` name; never rejects. Errors are on stderr, in words, without secrets. */
export async function runProgram(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const run = async (command: PenstockCommand, parsed: Command) => {
    code = await command.run(io, parsed.opts(), parsed.args);
  };
  try {
    const program = await build(args, run);
    examples(program, ['penstock demo', 'penstock check', 'penstock once --deadline 4m', 'penstock run']);
    settle(program, io);
    if (args[0]?.startsWith('-'))
      program.showHelpAfterError(
        'Options follow the command: penstock check --config FILE. See: penstock --help',
      );
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return failed(error, io);
  }
}

type Run = (command: PenstockCommand, parsed: Command) => Promise<void>;

/** The program with the options of the command that the arguments name; the others have only a name and a line. */
async function build(args: readonly string[], run: Run): Promise<Command> {
  const program = new Command('penstock')
    .description(
      'Polls security APIs and sends their events as ECS logs over OTLP. No lost events, no duplicates.',
    )
    .version(VERSION)
    .configureHelp({ subcommandTerm: (command) => command.name() });
  const wanted = args.find((arg) => !arg.startsWith('-'));
  for (const { name, description, load } of COMMANDS) {
    const command = program.command(name).description(description);
    if (name === wanted) add(command, await load(), run);
  }
  return program;
}

function add(command: Command, known: PenstockCommand | CommandGroup, run: Run): void {
  known.describe(command);
  if ('commands' in known) for (const member of known.commands) add(command.command('-'), member, run);
  else command.action(() => run(known, command));
}

/** Commander neither ends the process nor writes to it by itself. */
function settle(command: Command, io: Io): void {
  command
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError(`See: ${fullName(command)} --help`)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => say(io.stderr, text),
    });
  for (const member of command.commands) settle(member, io);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

async function failed(error: unknown, io: Io): Promise<ExitCode> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ConfigError) {
    say(io.stderr, `${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof StateError) {
    say(io.stderr, `${error.message}\n`);
    return EXIT.state;
  }
  if (io.stop.aborted && error instanceof Error && error.name === 'AbortError') {
    io.stderr.write('Stopped before it was done.\n');
    return EXIT.incomplete;
  }
  const disk = await diskProblem(error);
  if (disk !== undefined) {
    say(io.stderr, `${disk}\n`);
    return EXIT.state;
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  say(io.stderr, `This is a bug in Penstock; please report it: ${trace}\n`);
  return EXIT.bug;
}

/** What the disk of the state did, in words; undefined when it is not to blame. */
async function diskProblem(error: unknown): Promise<string | undefined> {
  const { JournalWriteError } = await import('../journal/journal.ts');
  if (error instanceof JournalWriteError) return error.message;
  const { path } = error as NodeJS.ErrnoException;
  if (!path) return undefined;
  const { diskFailure } = await import('../journal/sqlite/problems.ts');
  return diskFailure(error, path);
}
