import { Option } from 'commander';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { type ExitCode, type Io, type Output, setUpVisibly } from './io.ts';
import { shapeFindings } from './shape-findings.ts';
import { examples, jsonLine, table, wantsJson } from './output.ts';
import { openHttp, sourceContext } from '../collect/context.ts';
import { requireSameDefinitions } from '../collect/same-definition.ts';
import { probeSource, type SharedResponses } from '../collect/probe.ts';
import { resourceAttributes } from '../config/otel-environment.ts';
import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import { EXIT } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { mask } from '../core/secret.ts';
import type { Finding } from '../core/source.ts';
import { identityOf } from '../core/stream-key.ts';
import { counted } from '../core/text.ts';
import { probeDestination } from '../deliver/probe.ts';
import { QuotaSpender } from '../http/quota.ts';
import { destinationExposure, exposureFindings, sourceExposure } from '../http/way.ts';
import type { QuotaJournal } from '../journal/journal.ts';
import { checkState, openJournalForQuotas } from '../journal/open.ts';
import { RequestMaker } from '../otlp/request.ts';
import { Sender } from '../otlp/sender.ts';

/** `penstock check`: finds what would stop the pipeline from working, and says how to fix it. */
export const checkCommand: PenstockCommand = {
  describe(command) {
    command
      .addOption(configFlag())
      .addOption(
        new Option('--offline', 'check only the configuration and its secret files; no network requests'),
      )
      .addOption(new Option('--send-test', 'also send one event to each destination, marked as a test'))
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nIt uses the same quotas as polling, and says when it waits for one.\n' +
          'Exit codes: 0 nothing failed (warnings do not count), 2 usage or configuration, 3 a source failed, 4 only destinations\nfailed, 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock check',
      'penstock check --offline',
      'penstock check --send-test',
      'penstock check --json | grep \'"fail"\'',
    ]);
  },

  async run(io, flags) {
    const { config, log } = await setUpVisibly(io, flags);
    const report = new CheckReport(io.stdout, wantsJson(io, flags));
    if (config.sources.length === 0) report.add('sources', [NO_SOURCES]);
    if (flags['offline'] === true)
      for (const subject of subjects(config, io.env))
        report.add(subject.name, [written, ...subject.exposure]);
    else await checkOnline(io, { config, log, report, sendTest: flags['sendTest'] === true });
    report.end();
    return exitCode(report);
  },
};

const written: Finding = { probe: 'config', verdict: 'ok', detail: 'valid', advice: '' };

const NO_SOURCES: Finding = {
  probe: 'config',
  verdict: 'warn',
  detail: 'the configuration has no source, so nothing is polled',
  advice: 'add one below `sources` of the configuration: `penstock sources` lists the types',
};

/** What the findings about the database of the state are about. */
const STATE = 'state';

interface Online {
  readonly config: Config;
  readonly log: Logger;
  readonly report: CheckReport;
  readonly sendTest: boolean;
}

/** Runs all checks at once, because one may wait for its quota; reports in the order of the configuration. */
async function checkOnline(io: Io, { config, log, report, sendTest }: Online): Promise<void> {
  const findings = await checkState(config.state, { clock: io.clock, signal: io.stop });
  report.add(STATE, findings);
  // Without the state no request can be spent.
  if (report.failed.includes(STATE)) return;
  await using journal = await openJournalForQuotas(config.state, { clock: io.clock, log });
  await journal.sources.requireSame(config.sources.map(identityOf));
  await requireSameDefinitions(journal.streams, config.sources);
  const shared: SharedResponses = new Map();
  const lent: Lent = {
    io,
    log,
    journal,
    spender: new QuotaSpender({ quotas: journal.quotas, clock: io.clock }),
    shared,
  };
  const checks = [
    ...config.sources.map((source) => checkSource(lent, source)),
    ...config.destinations.map((destination) => checkDestination(io, destination, sendTest)),
  ];
  // Each is awaited in order; one that fails earlier must not end the process.
  for (const check of checks) check.catch(() => undefined);
  for (const [index, { name, exposure }] of subjects(config, io.env).entries()) {
    report.add(name, [written, ...exposure, ...((await checks[index]) ?? [])]);
  }
}

interface Lent {
  readonly io: Io;
  readonly log: Logger;
  readonly journal: QuotaJournal;
  readonly spender: QuotaSpender;
  readonly shared: SharedResponses;
}

async function checkSource(
  { io, log: whole, journal, spender, shared }: Lent,
  source: SourceConfig,
): Promise<readonly Finding[]> {
  const { clock, random, env, stop: signal } = io;
  const config = { ...source, options: { ...source.options, retries: 0 } };
  const log = whole.child({ penstock: { source: source.name } });
  await using http = openHttp({ spender, clock, random, env, log, signal }, config);
  const context = sourceContext({ journal, http, log, signal, mode: 'run' }, config);
  return await probeSource({ config, http, source: context, clock, shared });
}

async function checkDestination(
  { clock, env }: Io,
  destination: DestinationConfig,
  sendTest: boolean,
): Promise<readonly Finding[]> {
  const resource = resourceAttributes(env);
  const identity = { serviceName: resource['service.name'], resource };
  const requests = new RequestMaker(identity, destination);
  await using sender = new Sender({ destination, clock, proxyEnv: env });
  return await probeDestination({ destination, requests, sender, clock, sendTest });
}

interface Subject {
  readonly name: string;
  readonly exposure: readonly Finding[];
}

function subjects({ sources, destinations }: Config, env: Io['env']): Subject[] {
  return [
    ...sources.map(({ name, definition, options }) => ({
      name: `source ${name}`,
      exposure: [...exposureFindings(sourceExposure(options, env)), ...shapeFindings(definition, options)],
    })),
    ...destinations.map((destination) => ({
      name: `destination ${destination.name}`,
      exposure: exposureFindings(destinationExposure(destination, env)),
    })),
  ];
}

/** A failed source is worse than a failed destination: its events are not stored anywhere yet. */
function exitCode({ failed }: CheckReport): ExitCode {
  if (failed.includes(STATE)) return EXIT.state;
  if (failed.some((subject) => subject.startsWith('source '))) return EXIT.incomplete;
  return failed.length > 0 ? EXIT.undelivered : EXIT.done;
}

interface Row extends Finding {
  /** `state`, `source console` or `destination siem`. */
  readonly subject: string;
}

const MARKS: Readonly<Record<Finding['verdict'], string>> = { ok: '✓', warn: '!', fail: '✗' };

/** Shows findings: a JSON line each, at once, or one table at the end. */
export class CheckReport {
  readonly #output: Output;
  readonly #json: boolean;
  readonly #rows: Row[] = [];

  constructor(output: Output, json: boolean) {
    this.#output = output;
    this.#json = json;
  }

  /** The subjects with a failure. */
  get failed(): readonly string[] {
    return [...new Set(this.#rows.filter(({ verdict }) => verdict === 'fail').map(({ subject }) => subject))];
  }

  add(subject: string, findings: readonly Finding[]): void {
    for (const { probe, verdict, detail, advice } of findings) {
      const row = { subject, probe, verdict, detail: mask(detail), advice };
      this.#rows.push(row);
      if (this.#json) jsonLine(this.#output, row);
    }
  }

  end(): void {
    if (this.#json) return;
    const lines = this.#rows.map(({ subject, probe, verdict, detail, advice }) => [
      MARKS[verdict],
      subject,
      probe,
      advice === '' ? detail : `${detail} → ${advice}`,
    ]);
    this.#output.write(table(['', 'SUBJECT', 'PROBE', 'FINDING'], lines));
    const count = (verdict: Finding['verdict']) => this.#rows.filter((row) => row.verdict === verdict).length;
    this.#output.write(
      `\n${count('ok')} ok, ${counted(count('warn'), 'warning')}, ${count('fail')} failed\n`,
    );
  }
}
