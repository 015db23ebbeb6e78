import { Argument, Option } from 'commander';
import { openHttp } from '../collect/context.ts';
import { requireSameDefinitions } from '../collect/same-definition.ts';
import { preview, type PreviewResult } from '../collect/dry-run.ts';
import { identityOf } from '../core/stream-key.ts';
import { namespaceOf } from '../config/options.ts';
import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import { nest } from '../core/event.ts';
import { attributesOf, decodeRecord } from '../otlp/decode.ts';
import { type JsonAnyValue, type JsonKeyValue, toJsonRecord } from '../otlp/json-record.ts';
import { PROFILES } from '../otlp/profiles.ts';
import { EXIT } from '../core/errors.ts';
import { counted } from '../core/text.ts';
import { QuotaSpender } from '../http/quota.ts';
import { openJournalForQuotas } from '../journal/open.ts';
import { configFlag, countArgument, jsonFlag, type PenstockCommand } from './command.ts';
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
    await using view = await openJournalForQuotas(config.state, { clock, log });
    await view.sources.requireSame([identityOf(source)]);
    await requireSameDefinitions(view.streams, [source]);
    const spender = new QuotaSpender({ quotas: view.quotas, clock });
    await using http = openHttp({ spender, clock, random, env, log, signal }, source);
    const json = wantsJson(io, flags);
    const rows: string[][] = [];
    const profile = flags['profile'] as ProfileName | undefined;
    const show = (record: Uint8Array, dataset: string) => {
      if (profile !== undefined) jsonLine(io.stdout, wireShape(source, profile, record, dataset));
      else if (json) jsonLine(io.stdout, nest(decodeRecord(record).event));
      else rows.push(rowOf(record));
    };
    const limit = (flags['limit'] as number | undefined) ?? (json ? Infinity : ON_A_TERMINAL);
    const result = await preview({ config: source, view, http, clock, log, signal, limit, show });
    if (rows.length > 0) io.stdout.write(table(['TIME', 'DATASET', 'MESSAGE'], rows));
    return ended(io, source.name, result);
  },
};

function rowOf(record: Uint8Array): string[] {
  const { event } = decodeRecord(record);
  return ['@timestamp', 'event.dataset', 'message'].map((field) => String(event[field] ?? ''));
}

/** A record as a destination with that profile receives it, with plain values. */
function wireShape(source: SourceConfig, profile: ProfileName, record: Uint8Array, dataset: string): unknown {
  const namespace = namespaceOf(source, (names) => attributesOf(record, names)) ?? 'default';
  const sent = toJsonRecord(PROFILES[profile].shape(record, () => ({ dataset, namespace })));
  return {
    timestamp: decodeRecord(record).event['@timestamp'],
    severityNumber: sent.severityNumber,
    severityText: sent.severityText,
    body: sent.body && plainValue(sent.body),
    attributes: plainFields(sent.attributes),
  };
}

function plainFields(pairs: readonly JsonKeyValue[]): object {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: JsonAnyValue): unknown {
  if ('arrayValue' in value) return value.arrayValue.values.map(plainValue);
  return 'kvlistValue' in value ? plainFields(value.kvlistValue.values) : Object.values(value)[0];
}

function ended(
  { stderr, stop }: Io,
  name: string,
  { shown, dropped, errors, partial }: PreviewResult,
): ExitCode {
  for (const error of errors) say(stderr, `The poll failed: ${error}\nSee: penstock check\n`);
  if (partial)
    stderr.write('The quota is used up, so the remaining streams were not read. Try again later.\n');
  if (dropped > 0) say(stderr, `Not shown: ${counted(dropped, 'event')} that \`shape.drop\` drops.\n`);
  if (errors.length > 0 || stop.aborted) return EXIT.incomplete;
  if (shown === 0 && dropped === 0) stderr.write(`Source ${name} has no new events.\n`);
  return EXIT.done;
}
