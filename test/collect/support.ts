import type { EcsEvent } from '../../src/core/event.ts';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { serve, type SimulatedRequest, type Simulator } from '../../src/simulators/server.ts';
import type { SourcePollResult } from '../../src/core/observers.ts';
import { once, type OnceSummary } from '../../src/runtime/once.ts';
import { openLab, type Lab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { passTime } from '../support/network.ts';
import { arrivedEvent } from '../support/truth.ts';

/** A vendor that answers as BotBye does, a receiver, and Penstock between them. */
export interface CountingLab extends AsyncDisposable {
  readonly clock: DrivenClock;
  readonly vendor: Simulator;
  readonly receiver: Receiver;
  readonly lab: Lab;
  /** One pass in a process of its own, ended after so many milliseconds. */
  pass(deadline?: number): Promise<OnceSummary>;
  arrived(): EcsEvent[];
  /** Messages and fields of the log's lines. */
  logged(): Record<string, unknown>[];
}

interface CountingOptions {
  readonly rows: (request: SimulatedRequest) => unknown;
  readonly sources: Readonly<Record<string, object>>;
  readonly state?: Readonly<Record<string, unknown>>;
  readonly mode?: 'run' | 'once';
}

/** What every BotBye source of these tests has. */
const COMMON = { type: 'botbye-declined-requests', token: 'key-of-the-project', account_id: 'acc' };

export async function openCounting(options: CountingOptions): Promise<CountingLab> {
  await using opened = new AsyncDisposableStack();
  const clock = new DrivenClock();
  // Away from the edge of an hour, where answers are put aside.
  await clock.advance(10 * 60_000);
  const vendor = opened.use(
    await serve((request) => ({ status: 200, body: options.rows(request) }), { clock }),
  );
  const receiver = opened.use(await startReceiver({ clock }));
  const sources = Object.fromEntries(
    Object.entries(options.sources).map(([name, own]) => [
      name,
      { ...COMMON, base_url: vendor.url, project_ids: ['shop'], types: ['country'], ...own },
    ]),
  );
  const config = { destinations: { siem: { endpoint: receiver.url } }, sources };
  const { mode = 'once', state } = options;
  const lab = opened.use(await openLab({ clock, config, mode, ...(state !== undefined && { state }) }));
  const resources = opened.move();
  return {
    clock,
    vendor,
    receiver,
    lab,
    pass: (deadline) => pass(lab, clock, deadline),
    arrived: () => receiver.received().map(arrivedEvent),
    logged: () => lab.log.map((line) => JSON.parse(line) as Record<string, unknown>),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** One pass in a process of its own, ended after so many milliseconds. */
export async function pass(lab: Lab, clock: DrivenClock, deadline = 600_000): Promise<OnceSummary> {
  const app = await lab.open();
  const ended = new AbortController();
  const timer = clock.sleep(deadline, ended.signal).then(
    () => app.abort(),
    () => undefined,
  );
  const summary = await passTime(clock, once(app));
  ended.abort();
  await timer;
  await lab.stop();
  return summary;
}

export function outcomes(polls: readonly SourcePollResult[]): string[] {
  return polls.map(({ outcome }) => outcome);
}
