import { Option } from 'commander';
import { openApp } from '../app.ts';
import type { Config } from '../config/types.ts';
import { ConfigError, EXIT } from '../errors.ts';
import { once, type OnceSummary } from '../schedule/once.ts';
import { Away } from './away.ts';
import { collectValues, configFlag, durationArgument, examples } from './flags.ts';
import type { ExitCode } from './io.ts';
import type { PenstockCommand } from './program.ts';
import { Progress } from './progress.ts';
import { setUp } from './set-up.ts';

const DEFAULT_DEADLINE = 600_000;

/** `penstock once`: for CronJobs. */
export const onceCommand: PenstockCommand = {
  describe(command) {
    command
      .name('once')
      .description('Poll every stream until caught up, deliver, and end.')
      .addOption(configFlag())
      .addOption(
        new Option('--source <id>', 'only this source; may be given several times').argParser(collectValues),
      )
      .addOption(
        new Option('--deadline <duration>', 'end after this time, counted from the start of the process')
          .argParser(durationArgument)
          .default(DEFAULT_DEADLINE, '10m'),
      )
      .addHelpText(
        'after',
        '\nExit codes: 0 done (what waits for a budget is owed, and 0), 2 usage or configuration, 3 a source did not complete,\n4 not all was delivered (the journal holds it), 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock once',
      'penstock once --deadline 4m',
      'penstock once --source console -c /etc/penstock/penstock.yaml',
    ]);
  },

  async run(io, flags) {
    const { config, log } = await setUp(io, flags);
    const names = chosen(config, flags['source'] as readonly string[] | undefined);
    const ended = new AbortController();
    const deadline = io.startedAt + (flags['deadline'] as number);
    const late = new AbortController();
    const timer = io.clock.sleep(deadline - io.clock.now(), ended.signal).then(
      () => late.abort(),
      () => undefined,
    );
    const signal = AbortSignal.any([io.stop, late.signal]);
    const progress = new Progress(io);
    const away = new Away({ io, log, deadline, clear: () => progress.end() });
    await using app = await openApp({
      ...io,
      config,
      log,
      mode: 'once',
      collecting: signal,
      delivering: signal,
      onPage: progress.page,
      onAnswer: away.answered,
    });
    const summary = await once(app, names);
    progress.end();
    ended.abort();
    await timer;
    log.info(told(summary), 'Ended.');
    if (summary.journalFailure !== undefined) throw summary.journalFailure;
    return exitCode(summary);
  },
};

/** 3 for sources, 4 for destinations; a source that did not complete is the graver one. */
function exitCode({ sweeps, undelivered }: OnceSummary): ExitCode {
  if (sweeps.some(({ outcome }) => outcome === 'failed' || outcome === 'cut')) return EXIT.incomplete;
  return undelivered > 0 ? EXIT.undelivered : EXIT.done;
}

function told({ sweeps, undelivered, rejected, overdue, states }: OnceSummary): Record<string, unknown> {
  const sources = sweeps.map(({ source, outcome, tally }) => ({
    source,
    outcome,
    state: states.get(source)?.name,
    new: tally.new,
    updated: tally.updated,
    malformed: tally.malformed,
    repeated: tally.repeated,
    gaps: tally.gaps,
    owed: tally.owed,
    overdue: overdue.filter((stream) => stream.source === source).map(({ name }) => name),
  }));
  return { penstock: { sources, undelivered, rejected, overdue: overdue.map(({ name }) => name) } };
}

/** The sources that `--source` names; undefined: all. The others stay part of the state, and are not polled. */
function chosen(config: Config, names: readonly string[] | undefined): readonly string[] | undefined {
  const known = config.sources.map(({ name }) => name);
  const unknown = (names ?? []).filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  throw new ConfigError(
    unknown.map((name) => `--source ${name}: expected a source of the configuration: ${known.join(', ')}`),
  );
}
