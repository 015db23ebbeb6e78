import { Command, CommanderError } from 'commander';
import { ConfigError, EXIT, StateError } from '../core/errors.ts';
import { diskFailure } from '../journal/sqlite/disk-failure.ts';
import { JournalWriteError } from '../journal/sqlite/errors.ts';
import { VERSION } from '../core/version.ts';
import { backfillCommand } from './backfill.ts';
import { checkCommand } from './check.ts';
import { deadLettersCommands } from './dead-letters.ts';
import { demoCommand } from './demo.ts';
import { type CommandGroup, examples, type PenstockCommand } from './command.ts';
import { gapsCommand } from './gaps.ts';
import type { ExitCode, Io } from './io.ts';
import { onceCommand } from './once.ts';
import { previewCommand } from './preview.ts';
import { replayCommand } from './replay.ts';
import { runCommand } from './run.ts';
import { schemaCommand, sourcesCommand } from './sources.ts';
import { simulateCommand } from './simulate.ts';
import { stateCommands } from './state.ts';
import { statusCommand } from './status.ts';
import { say } from './output.ts';

const COMMANDS: readonly (PenstockCommand | CommandGroup)[] = [
  runCommand,
  onceCommand,
  checkCommand,
  previewCommand,
  backfillCommand,
  gapsCommand,
  stateCommands,
  deadLettersCommands,
  replayCommand,
  statusCommand,
  sourcesCommand,
  schemaCommand,
  demoCommand,
  simulateCommand,
];

/** Runs the command that `args` name; never rejects. Errors are on stderr, in words, with no secret in them. */
export async function runProgram(args: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = new Command('penstock')
    .description(
      'Polls security APIs and sends their events as ECS logs over OTLP. No lost events, no duplicates.',
    )
    .version(VERSION);
  const run = async (known: PenstockCommand, command: Command) => {
    code = await known.run(io, command.opts(), command.args);
  };
  for (const known of COMMANDS) add(program, known, run);
  examples(program, ['penstock demo', 'penstock check', 'penstock once --deadline 4m', 'penstock run']);
  settle(program, io);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return failed(error, io);
  }
}

function add(
  parent: Command,
  known: PenstockCommand | CommandGroup,
  run: (known: PenstockCommand, command: Command) => Promise<void>,
): void {
  const command = known.describe(parent.command('-'));
  if ('commands' in known) for (const member of known.commands) add(command, member, run);
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

function failed(error: unknown, io: Io): ExitCode {
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
  const { path } = error as NodeJS.ErrnoException;
  const disk = error instanceof JournalWriteError ? error.message : path && diskFailure(error, path);
  if (disk) {
    say(
      io.stderr,
      `${disk}
`,
    );
    return EXIT.state;
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  say(io.stderr, `A bug of Penstock, please report it: ${trace}\n`);
  return EXIT.bug;
}
