import { setImmediate as turn } from 'node:timers/promises';
import pino from 'pino';
import { systemClock } from '../../../src/core/clock.ts';
import type { DestinationConfig } from '../../../src/config/types.ts';
import { Delivery, type DeliveryParts } from '../../../src/deliver/loop.ts';
import type { ResponseReport } from '../../../src/core/observers.ts';
import { Sender } from '../../../src/otlp/sender.ts';
import { type Receiver, startReceiver } from '../../../src/simulators/otlp-receiver.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { destination } from './events.ts';
import { MemoryJournal } from './memory-journal.ts';
import { requestMaker } from './requests.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly penstock?: Readonly<Record<string, unknown>>;
}

/** A delivery to a receiver on loopback. Its waits are on a driven clock, its requests in real time. */
export async function startDelivery({
  overrides = {},
  journal = new MemoryJournal(),
  parts = {},
  receiver: given,
}: {
  overrides?: Partial<DestinationConfig>;
  journal?: MemoryJournal;
  parts?: Partial<DeliveryParts>;
  /** One that is there already, and stays when this ends. */
  receiver?: Receiver;
} = {}) {
  const clock = new DrivenClock();
  const receiver = given ?? (await startReceiver({ clock: systemClock }));
  const config = destination(receiver.url, overrides);
  const sender = new Sender({
    destination: config,
    clock: systemClock,
    proxyEnv: {},
  });
  const reports: ResponseReport[] = [];
  const lines: Line[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const delivery = new Delivery({
    destination: config,
    journal,
    requests: requestMaker(config),
    sender,
    clock,
    random: () => 1,
    log,
    observer: {
      onResponse: (report) => void reports.push(report),
      onDeadLetters: () => undefined,
      onSkipped: () => undefined,
    },
    ...parts,
  });
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  return {
    clock,
    receiver,
    journal,
    sender,
    delivery,
    reports,
    lines,
    start() {
      running = delivery.run(stopping.signal);
    },
    async stop() {
      stopping.abort();
      await running;
    },
    /** Resolves when it sleeps; returns for how long, in milliseconds. */
    async asleep(): Promise<number> {
      while (clock.next === undefined) await turn();
      return clock.next - clock.now();
    },
    /** Lets it sleep through whatever it waits for, until this holds. */
    async play(done: () => boolean) {
      while (!done()) {
        if (clock.next === undefined) await turn();
        else await clock.advance(clock.next - clock.now());
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
      await sender[Symbol.asyncDispose]();
      if (given === undefined) await receiver[Symbol.asyncDispose]();
    },
  };
}
