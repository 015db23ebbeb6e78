import { Option } from 'commander';
import { collectValues, configFlag, type PenstockCommand } from './command.ts';
import { durationArgument } from './time-flags.ts';
import { keepHeapSmall } from './heap.ts';
import { type ExitCode, type Io, setUp } from './io.ts';
import { examples, jsonLine, Progress, say, TerminalLine } from './output.ts';
import { didYouMean } from '../config/problems.ts';
import type { Config } from '../config/types.ts';
import type { PollOutcome, ResponseReport } from '../core/observers.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { counted, showDuration } from '../core/text.ts';
import { totalsOf } from '../observe/live.ts';
import { type App, openApp } from '../runtime/app.ts';
import { once, type OnceSummary } from '../runtime/once.ts';

/** Milliseconds. */
const DEFAULT_DEADLINE = 600_000;

/** `penstock once`: for CronJobs. */
export const onceCommand: PenstockCommand = {
  describe(command) {
    command
      .addOption(configFlag())
      .addOption(
        new Option('--source <id>', 'only this source; may be given several times').argParser(collectValues),
      )
      .addOption(
        new Option('--deadline <duration>', 'end after this time, counted from the start of the process')
          .argParser(durationArgument)
          .default(DEFAULT_DEADLINE, '10m'),
      )
      .addOption(new Option('--json', 'print the summary on stdout, as one JSON object'))
      .addHelpText(
        'after',
        '\nBeside replicas that share its state it takes what is free, and waits for the rest until its deadline.\nExit codes: 0 done (requests that wait for a rate limit do not count), 2 usage or configuration, 3 a source did not complete,\n4 not everything is delivered yet (the journal holds it), 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock once',
      'penstock once --deadline 4m',
      'penstock once --json',
      'penstock once --source console -c /etc/penstock/penstock.yaml',
    ]);
  },

  async run(io, flags) {
    const line = new TerminalLine(io.stderr);
    const { config, log } = await setUp({ ...io, stderr: line.output }, flags);
    const names = chosen(config, flags['source'] as readonly string[] | undefined);
    const ended = new AbortController();
    const deadline = io.startedAt + (flags['deadline'] as number);
    const late = new AbortController();
    const timer = io.clock.sleep(deadline - io.clock.now(), ended.signal).then(
      () => late.abort(),
      () => undefined,
    );
    const signal = AbortSignal.any([io.stop, late.signal]);
    const progress = new Progress(line);
    const outages = new OutageNotice({ io: { ...io, stderr: line.output }, log, deadline });
    await using app = await openApp({
      ...io,
      config,
      log,
      mode: 'once',
      collecting: signal,
      delivering: signal,
      patience: deadline - io.clock.now(),
      onPage: progress.page,
      onResponse: outages.onResponse,
    });
    keepHeapSmall('command');
    const summary = await once(app, names, signal);
    progress.end();
    ended.abort();
    await timer;
    const code = exitCode(summary);
    // `rejected` counts all dead letters, not only those of this pass.
    const done = { ...totalsOf(app.live), ...fieldsOf(summary), summary: inWords(app, summary, code) };
    // On a terminal the last line is the summary in words, whatever `log.level` is.
    if (flags['json'] === true) jsonLine(io.stdout, done);
    if (io.stderr.isTTY === true) say(io.stderr, `${done.summary}\n`);
    else log.info({ penstock: done }, code === EXIT.done ? 'Done.' : 'Not done.');
    if (summary.journalFailure !== undefined) throw summary.journalFailure;
    return code;
  },
};

/** 3 for sources, 4 for destinations; 3 when both apply. */
function exitCode({ polls, undelivered }: OnceSummary): ExitCode {
  if (polls.some(({ outcome }) => outcome === 'failed' || outcome === 'cut')) return EXIT.incomplete;
  return undelivered > 0 ? EXIT.undelivered : EXIT.done;
}

function fieldsOf({
  polls,
  undelivered,
  rejected,
  overdue,
  states,
  waitedFor,
}: OnceSummary): Record<string, unknown> {
  const sources = polls.map(({ source, outcome, stats }) => ({
    source,
    outcome,
    state: states.get(source)?.name,
    new: stats.new,
    updated: stats.updated,
    malformed: stats.malformed,
    repeated: stats.repeated,
    dropped: stats.dropped,
    gaps: stats.gaps,
    owed: stats.deferred,
    overdue: overdue.filter((stream) => stream.source === source).map(({ name }) => name),
  }));
  return {
    sources,
    undelivered,
    rejected,
    overdue: overdue.map(({ name }) => name),
    ...(waitedFor.length > 0 && {
      waited_for: waitedFor.map(({ kind, name, replica }) => ({ [kind]: name, replica })),
    }),
  };
}

/** `Done: 180 collected, 180 delivered, 0 waiting.`; with several destinations, what each accepted. */
function inWords(
  { live, config }: Pick<App, 'live' | 'config'>,
  { polls, undelivered, rejected, waitedFor }: OnceSummary,
  code: ExitCode,
): string {
  const several = config.destinations.length > 1;
  const delivered = config.destinations.map(
    ({ name }) => `${live.destination(name).delivered} delivered${several ? ` to ${name}` : ''}`,
  );
  const { collected, gaps, dropped } = totalsOf(live);
  const malformed = polls.reduce((sum, { stats }) => sum + stats.malformed, 0);
  const counts = [
    `${collected} collected`,
    ...(malformed === 0 ? [] : [`${malformed} of them malformed (sent as pipeline errors)`]),
    ...delivered,
    `${undelivered} waiting`,
    ...(dropped === 0 ? [] : [`${dropped} dropped by shape.drop`]),
    ...(rejected === 0 ? [] : [`${rejected} rejected (see \`penstock dead-letters list\`)`]),
    ...(gaps === 0 ? [] : [`${counted(gaps, 'gap')} (see \`penstock gaps\`)`]),
  ];
  const namesOf = (...outcomes: readonly PollOutcome[]) =>
    polls.filter(({ outcome }) => outcomes.includes(outcome)).map(({ source }) => source);
  const incomplete = namesOf('failed', 'cut').join(', ');
  const limited = namesOf('owed').join(', ');
  const held = waitedFor.map(({ kind, name, replica }) => `${kind} ${name} (${replica})`).join(', ');
  return [
    `${code === EXIT.done ? 'Done' : 'Not done'}: ${counts.join(', ')}.`,
    ...(incomplete === '' ? [] : [`Not complete: ${incomplete}.`]),
    ...(held === '' ? [] : [`Waited for what other replicas hold: ${held}.`]),
    ...(limited === '' ? [] : [`Left for the next pass, because of a rate limit: ${limited}.`]),
  ].join(' ');
}

/** The sources that `--source` names; undefined: all. The state keeps the others, and they are not polled. */
function chosen(config: Config, names: readonly string[] | undefined): readonly string[] | undefined {
  const known = config.sources.map(({ name }) => name);
  const unknown = (names ?? []).filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  throw new ConfigError(
    unknown.map(
      (name) =>
        `--source ${name}: there is no such source${didYouMean(name, known) || '.'} Known: ${known.join(', ')}`,
    ),
  );
}

interface OutageParts {
  readonly io: Io;
  readonly log: Logger;
  /** When the pass ends, even if events are undelivered. Epoch ms. */
  readonly deadline: number;
}

/** Says immediately that a destination is unavailable, and until when the pass waits for it. */
class OutageNotice {
  readonly #parts: OutageParts;
  readonly #unavailable = new Set<string>();

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  /** Called with each response: the first of an outage is announced. An accepted request ends the outage. */
  readonly onResponse = ({ destination, kind }: Pick<ResponseReport, 'destination' | 'kind'>): void => {
    if (kind === 'accepted') this.#unavailable.delete(destination);
    if (kind !== 'retry' || this.#unavailable.has(destination)) return;
    this.#unavailable.add(destination);
    this.#say(destination);
  };

  #say(destination: string): void {
    const { io, log, deadline } = this.#parts;
    const left = Math.max(0, deadline - io.clock.now());
    const at = new Date(deadline).toISOString();
    if (io.stderr.isTTY !== true) {
      const penstock = { destination, deadline_at: at, deadline_in_ms: Math.round(left) };
      log.warn({ penstock }, 'Destination is unavailable; events are queued. Waiting until the deadline.');
      return;
    }
    // The log would appear on the same terminal.
    say(
      io.stderr,
      `Destination ${destination} is unavailable; events are queued. Waiting until the deadline at ${at}, in ${showDuration(left)}.\n`,
    );
  }
}
