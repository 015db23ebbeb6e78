import { Option } from 'commander';
import { isoTime } from '../ecs/common.ts';
import { ConfigError } from '../core/errors.ts';
import { configFlag, jsonFlag, type PenstockCommand } from './command.ts';
import { destinationNamed } from './names.ts';
import { requireState } from './state-presence.ts';
import { timeFlag, type TimeFlag } from './time-flags.ts';
import { runJobs } from './jobs.ts';
import { setUp } from './io.ts';
import { examples, wantsJson } from './output.ts';

/** `penstock replay --destination D --from T`: sends again what the journal still holds. */
export const replayCommand: PenstockCommand = {
  describe(command) {
    command
      .addOption(
        new Option('--destination <name>', 'a destination of the configuration').makeOptionMandatory(),
      )
      .addOption(timeFlag('from', 'send events that were journaled from then on').makeOptionMandatory())
      .addOption(configFlag())
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nEvents that are still waiting for the destination are left out: they are delivered anyway.\nExit codes: 0 sent, 2 usage or configuration, 4 not everything was accepted, 5 the state cannot be used.',
      );
    return examples(command, [
      'penstock replay --destination siem --from 2h',
      'penstock replay --destination siem --from 2026-03-01T08:00:00Z',
    ]);
  },

  async run(io, flags) {
    const loaded = await setUp(io, flags);
    const { name: destination } = destinationNamed(loaded.config, flags['destination'] as string);
    const now = io.clock.now();
    const from = (flags['from'] as TimeFlag)(now);
    if (from > now) throw new ConfigError([`--from ${isoTime(from)}: must be in the past`]);
    await requireState(loaded.config.state);
    const json = wantsJson(io, flags);
    return runJobs(io, { ...loaded, json, specs: [{ kind: 'replay', destination, from }] });
  },
};
