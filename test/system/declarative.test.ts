import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { ACCEPTED, ANSWER_LOST, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import {
  HTML_UNAVAILABLE,
  serve,
  type SimulatedAnswer,
  type Simulator,
  throttled,
} from '../../src/simulators/server.ts';
import { runCli, startCli, workspace } from '../support/cli.ts';
import { arrivedEvent, distinct, multiset } from '../support/truth.ts';
import { BY_ANSWER } from './declarative/by-answer.ts';
import { BY_REQUEST } from './declarative/by-request.ts';
import { type Case, toldById } from './declarative/vendor.ts';

const KILLS = 5;
/** Requests during which something new happens at the vendor. */
const BUSY = 25;
/** How some of the requests are answered, by number. */
const TROUBLE: Readonly<Record<number, SimulatedAnswer>> = {
  6: throttled(1),
  12: { status: 200, body: '{"data": [', fault: 'truncate' },
  17: HTML_UNAVAILABLE,
  20: { status: 0, fault: 'reset' },
};

const idOf = ({ definition }: Case) => /^id: (.+)$/m.exec(definition)?.[1] ?? '';

function configuration(one: Case, vendor: Simulator, receiver: Receiver, directory: string): string {
  return `
state: { path: ${directory}/state }
types: [ ./${idOf(one)}.source.yaml ]
destinations: { siem: { endpoint: ${receiver.url}, timeout: 5s } }
sources: { vendor: { type: ${idOf(one)}, base_url: ${vendor.url}, ${one.options} } }
log: { level: warn }
`;
}

/** Kills a run after a few more requests to the vendor or to the receiver. */
async function killOne(
  config: string,
  random: () => number,
  simulators: readonly Simulator[],
): Promise<boolean> {
  const over = new AbortController();
  const { child, ended } = startCli(['once', '-c', config]);
  void ended.then(() => over.abort());
  const some = (one: Simulator) =>
    one.asked(one.requests.length + 2 + Math.floor(random() * 5), over.signal).catch(() => undefined);
  await Promise.race(simulators.map(some));
  child.kill('SIGKILL');
  return (await ended).signal === 'SIGKILL';
}

function isGap(event: ReturnType<typeof arrivedEvent>): boolean {
  return event['event.dataset'] === 'penstock.gaps';
}

/** The lines about gaps that are open. */
async function openGaps(config: string): Promise<readonly string[]> {
  const { stdout } = await runCli(['gaps', '-c', config, '--json']);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Runs until nothing is missing, at most ten times: a record of this second is read in the next one. */
async function finish(config: string, receiver: Receiver, count: () => number): Promise<void> {
  for (let passes = 0; passes < 10; passes += 1) {
    const { code, stderr } = await runCli(['once', '-c', config]);
    expect(code, stderr).toBe(0);
    if (receiver.ids().size >= count()) break;
    await sleep(500);
  }
  // One more: what was sent is not sent as new.
  const { code, stderr } = await runCli(['once', '-c', config]);
  expect(code, stderr).toBe(0);
}

it.each([...BY_ANSWER, ...BY_REQUEST])(
  'a definition with $name brings everything once, killed between pages',
  async (one) => {
    const random = seeded(1);
    const { answer, happen, truth } = one.vendor(random);
    let asked = 0;
    await using vendor = await serve(
      (request) => {
        asked += 1;
        if (asked <= BUSY) happen();
        return TROUBLE[asked] ?? answer(request);
      },
      { clock: systemClock },
    );
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(one, vendor, receiver, path));
    await writeFile(join(space.path, `${idOf(one)}.source.yaml`), one.definition);
    receiver.answer = () => (random() < 0.2 ? ANSWER_LOST : ACCEPTED);

    let kills = 0;
    for (let life = 0; life < KILLS; life += 1)
      if (await killOne(space.config, random, [vendor, receiver])) kills += 1;
    receiver.answer = () => ACCEPTED;
    await finish(space.config, receiver, () => truth().length + (one.gaps ?? 0));

    expect(kills).toBeGreaterThanOrEqual(3);
    const events = distinct(receiver.ids()).map(arrivedEvent);
    const gaps = one.moves === true ? await openGaps(space.config) : events.filter(isGap);
    expect(gaps).toHaveLength(one.gaps ?? 0);
    const arrived = events.filter((event) => !isGap(event)).map(one.told ?? toldById);
    expect(multiset(arrived)).toEqual(multiset(truth()));
  },
);
