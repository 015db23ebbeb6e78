import { Argument, InvalidArgumentError, Option } from 'commander';
import { openHttp } from '../collect/context.ts';
import { preview, type PreviewResult } from '../collect/dry-run.ts';
import { identityOf } from '../core/stream-key.ts';
import { namespaceOf } from '../config/options.ts';
import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import { type PageContext, PROFILES, toLogRecord } from '../otlp/records.ts';
import { nest, type JournaledEvent } from '../core/event.ts';
import { EXIT } from '../core/errors.ts';
import { QuotaSpender } from '../http/quota.ts';
import { openJournalForQuotas } from '../journal/sqlite/open.ts';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { sourceNamed } from './names.ts';
import { type ExitCode, type Io, setUpVisibly } from './io.ts';
import { examples, jsonLine, say, table, wantsJson } from './output.ts';

type ProfileName = DestinationConfig['profile'];

/** Events shown on a terminal by default, because a first poll may read many days. */
const ON_A_TERMINAL = 20;

/** `penstock preview SOURCE`: what the source would send next. */
export const previewCommand: PenstockCommand = {
  describe(command) {
    command
      .addArgument(new Argument('<source>', 'a source of the configuration'))
      .addOption(configFlag())
      .addOption(
        new Option(
          '--limit <n>',
          `stop after so many events (default: ${ON_A_TERMINAL} on a terminal, otherwise the whole poll)`,
        ).argParser(countArgument),
      )
      .addOption(
        new Option(
          '--profile <name>',
          'show body and attributes as a destination with this profile receives them',
        ).choices(Object.keys(PROFILES)),
      )
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nIt uses the same quotas as polling, and says when it waits for one. Exit codes: 0 done, 2 usage, configuration or an\nunknown source, 3 the poll failed, 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock preview console',
      'penstock preview console --limit 1 --json',
      'penstock preview console --profile elastic-ecs',
    ]);
  },

  async run(io, flags, [name = '']) {
    const { config, log } = await setUpVisibly(io, flags);
    const source = sourceNamed(config, name);
    const { clock, random, env, stop: signal } = io;
    await using view = await openJournalForQuotas({ ...config.state, clock, log });
    await view.sources.requireSame([identityOf(source)]);
    const spender = new QuotaSpender({ quotas: view.quotas, clock });
    await using http = openHttp({ spender, clock, random, env, log, signal }, source);
    const json = wantsJson(io, flags);
    const rows: string[][] = [];
    const profile = flags['profile'] as ProfileName | undefined;
    const show = (event: JournaledEvent, page: PageContext) => {
      if (profile !== undefined) jsonLine(io.stdout, wireShape(source, profile, event, page));
      else if (json) jsonLine(io.stdout, nest(event.event));
      else rows.push(rowOf(event));
    };
    const limit = (flags['limit'] as number | undefined) ?? (json ? Infinity : ON_A_TERMINAL);
    const result = await preview({ config: source, view, http, clock, log, signal, limit, show });
    if (rows.length > 0) io.stdout.write(table(['TIME', 'DATASET', 'MESSAGE'], rows));
    return ended(io, source.name, result);
  },
};

function countArgument(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Must be a number of at least 1.');
}

function rowOf({ event }: JournaledEvent): string[] {
  return ['@timestamp', 'event.dataset', 'message'].map((field) => String(event[field] ?? ''));
}

/** A record as a destination with that profile receives it, with plain values. */
function wireShape(
  source: SourceConfig,
  profile: ProfileName,
  event: JournaledEvent,
  page: PageContext,
): unknown {
  const record = toLogRecord(event, page, { profile, namespaceOf: (_, ecs) => namespaceOf(source, ecs) });
  return {
    timestamp: event.event['@timestamp'],
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    body: record.body,
    attributes: record.attributes,
  };
}

function ended({ stderr, stop }: Io, name: string, { shown, errors, partial }: PreviewResult): ExitCode {
  for (const error of errors) say(stderr, `The poll failed: ${error}\nSee: penstock check\n`);
  if (partial)
    stderr.write('The quota is used up, so the remaining streams were not read. Try again later.\n');
  if (errors.length > 0 || stop.aborted) return EXIT.incomplete;
  if (shown === 0) stderr.write(`Source ${name} has no new events.\n`);
  return EXIT.done;
}
