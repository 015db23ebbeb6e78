import { Argument, Option } from 'commander';
import type { SourceConfig } from '../config/types.ts';
import { whyNotAgain } from '../collect/backfill.ts';
import { isoTime } from '../ecs/common.ts';
import { ConfigError } from '../core/errors.ts';
import type { Span } from '../core/source.ts';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { sourceNamed } from './names.ts';
import { timeFlag, type TimeFlag } from './time-flags.ts';
import { runJobs } from './jobs.ts';
import { setUp } from './io.ts';
import { examples, wantsJson } from './output.ts';

/** `penstock backfill SOURCE --from T --to T`: reads a past span. */
export const backfillCommand: PenstockCommand = {
  describe(command) {
    command
      .addArgument(new Argument('<source>', 'a source of the configuration'))
      .addOption(timeFlag('from', 'start of the span').makeOptionMandatory())
      .addOption(timeFlag('to', 'end of the span, exclusive').makeOptionMandatory())
      .addOption(
        new Option(
          '--again',
          'also read parts that were read before, and send their events again under the same ids',
        ),
      )
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nParts that were read before are skipped, so the same command continues after a stop or a kill.\nEvents have labels.penstock_lane: backfill.\nExit codes: 0 read and delivered, 2 usage, configuration or a source without a past to read, 3 not everything could be read,\n4 not everything is delivered yet (the journal holds it), 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock backfill console --from 2026-01-01 --to 2026-02-01',
      'penstock backfill attacks --from 90d --to 30d',
      'penstock backfill console --from 2026-01-01 --to 2026-01-02 --again',
    ]);
  },

  async run(io, flags, [name = '']) {
    const loaded = await setUp(io, flags);
    const source = sourceNamed(loaded.config, name);
    requireBackfill(source);
    const again = flags['again'] === true;
    if (again) requireSameIds(source);
    const { from, to } = askedSpan(flags, io.clock.now());
    const json = wantsJson(io, flags);
    return runJobs(io, { ...loaded, json, specs: [{ kind: 'backfill', source: name, from, to, again }] });
  },
};

function requireBackfill({ name, definition }: SourceConfig): void {
  if (definition.backfill !== undefined) return;
  throw new ConfigError([
    `Source ${name} cannot be backfilled: ${definition.id} ${definition.noPast ?? 'has no way to ask its vendor for a past span'}. See what is missing with: penstock gaps ${name}`,
  ]);
}

/** A store would add what it has. */
function requireSameIds({ name, definition }: SourceConfig): void {
  const why = whyNotAgain(name, definition);
  if (why !== undefined) throw new ConfigError([why]);
}

function askedSpan(flags: Readonly<Record<string, unknown>>, now: number): Span {
  const from = (flags['from'] as TimeFlag)(now);
  const to = (flags['to'] as TimeFlag)(now);
  if (to > now) throw new ConfigError([`--to ${isoTime(to)}: must be in the past`]);
  if (from >= to) throw new ConfigError([`--from ${isoTime(from)}: must be before --to ${isoTime(to)}`]);
  return { from, to };
}
