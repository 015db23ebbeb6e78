import { systemClock, type Clock } from '../../../src/core/clock.ts';
import type { ExitCode, Io } from '../../../src/cli/io.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { seeded } from '../../../src/simulators/seeded.ts';

export interface Outcome {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** The objects on stdout, one a line. */
  readonly rows: readonly Record<string, unknown>[];
}

interface Setting {
  readonly cwd?: string;
  readonly clock?: Clock;
  /** Both outputs and the input are a terminal. */
  readonly tty?: boolean;
  readonly stdin?: string;
  readonly stop?: AbortSignal;
  readonly env?: Io['env'];
  /** Another Penstock, for a command that starts one. */
  readonly program?: readonly string[];
  /** Hears what is written on stdout, as it is written; and on stderr. */
  readonly onOutput?: (text: string) => void;
  readonly onError?: (text: string) => void;
}

/** Runs a command line in this process, with what a process would lend it. */
export async function command(args: readonly string[], setting: Setting = {}): Promise<Outcome> {
  const { clock = systemClock, tty = false, stdin = '', env = {}, cwd = '/nonexistent' } = setting;
  const written = { stdout: '', stderr: '' };
  const output = (name: keyof typeof written) => ({
    isTTY: tty,
    columns: 200,
    write: (text: string) => void (written[name] += text),
  });
  const code = await runProgram(args, {
    env,
    cwd,
    clock,
    random: seeded(1),
    startedAt: clock.now(),
    stdin: Object.assign(chunks(stdin), { isTTY: tty }),
    stdout: {
      ...output('stdout'),
      write(text) {
        written.stdout += text;
        setting.onOutput?.(text);
      },
    },
    stderr: {
      ...output('stderr'),
      write(text) {
        written.stderr += text;
        setting.onError?.(text);
      },
    },
    stop: setting.stop ?? new AbortController().signal,
    ...(setting.program !== undefined && { program: setting.program }),
  });
  return { code, ...written, rows: tty ? [] : rowsOf(written.stdout) };
}

async function* chunks(text: string): AsyncGenerator<string> {
  if (text !== '') yield text;
}

function rowsOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
