import { Option } from 'commander';
import { EXIT } from '../core/errors.ts';
import { openApp } from '../runtime/app.ts';
import { runLoops } from '../runtime/loops.ts';
import type { Verdict } from '../simulators/demo.ts';
import type { Stage } from './demo-proof.ts';
import { DemoShow } from './demo-show.ts';
import { jsonFlag, type PenstockCommand } from './command.ts';
import { type Io, setUp } from './io.ts';
import { examples, wantsJson } from './output.ts';

const BANNER = [
  'Penstock demo: QRadar, JSA, Petra, BotBye and the OTLP receiver are simulated. No key, no network.',
  'The pipeline between them is a real process. It is killed with SIGKILL during a request and started again.',
  'Then the received events are compared with what the vendors have. This takes about 15 seconds.',
];

/** `penstock demo`: kills the real pipeline between simulated vendors and a receiver, and shows that nothing was lost. */
export const demoCommand: PenstockCommand = {
  describe(command) {
    command
      .addOption(new Option('--once', 'exit when everything has arrived (the default)'))
      .addOption(
        new Option('--follow', 'continue afterwards and print each new event until interrupted').conflicts(
          'once',
        ),
      )
      .addOption(new Option('--events', 'print every event instead of two per source'))
      .addOption(jsonFlag())
      .addHelpText(
        'after',
        '\nExit codes: 0 no event was lost or duplicated and each repeat was byte-identical, 1 otherwise.\nPiped or with --json, the last line is {"lost":0,"duplicates":0,"repeats":n,"identical":n}.',
      );
    return examples(command, ['penstock demo', 'penstock demo --follow', 'penstock demo | jq']);
  },

  async run(io, flags) {
    const json = wantsJson(io, flags);
    const show = new DemoShow(io, { json, all: flags['events'] === true });
    // Loaded only when it runs: the simulators need much memory.
    const { prove, setStage } = await import('./demo-proof.ts');
    for (const line of BANNER) show.step(line);
    await using stage = await setStage(io, show);
    const verdict = await prove(io, stage);
    show.verdict(verdict, stage.receiver.received());
    const broken = problemOf(verdict);
    show.step(broken ?? 'The promise holds: no lost events, no duplicates.');
    if (flags['follow'] === true) await follow(io, stage);
    return broken === undefined ? EXIT.done : EXIT.bug;
  },
};

/** Why a run does not show the guarantee, in words; undefined when it does. */
function problemOf({ lost, duplicates, repeats, identical }: Verdict): string | undefined {
  if (lost > 0 || duplicates > 0 || identical < repeats) return 'The promise was broken.';
  // Half of a request was accepted and never acknowledged, so it must be sent again.
  if (repeats === 0)
    return 'Nothing was sent again, so the kill did not hit a request; this run proves nothing.';
  return undefined;
}

/** Runs the pipeline in this process until a stop. */
async function follow(io: Io, { show, file }: Stage): Promise<void> {
  show.step('Showing every new event until interrupted.');
  show.showAll();
  // No variable of the operator's shell changes the demo.
  const lent = { ...io, env: {} };
  const { config, log } = await setUp(lent, { config: file });
  const signals = { collecting: io.stop, delivering: io.stop };
  await using app = await openApp({ ...lent, ...signals, config, log, mode: 'run' });
  await runLoops(app);
}
