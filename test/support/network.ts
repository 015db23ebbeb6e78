import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { Sender } from '../../src/otlp/sender.ts';
import type { DrivenClock } from './driven-clock.ts';

/** Requests of this process, by either HTTP client (Node's and undici's), and calls of a journal that have not ended. */
const inFlight = new Set<unknown>();
/** How many have begun so far: one may begin and end within a turn. */
let begun = 0;

const CHANNELS: Readonly<Record<string, boolean>> = {
  'undici:request:create': true,
  'undici:request:trailers': false,
  'undici:request:error': false,
  'http.client.request.created': true,
  'http.client.response.finish': false,
  'http.client.request.error': false,
};

for (const [channel, begins] of Object.entries(CHANNELS)) {
  subscribe(channel, (message) => {
    const { request } = message as { request: object };
    if (begins) begin(request);
    else inFlight.delete(request);
    // Node's own tell of no end on these channels when a response switches protocols.
    if (begins && request instanceof ClientRequest) request.once('close', () => inFlight.delete(request));
  });
}

// Node tells nothing of a compression, which comes before the request.
// oxlint-disable-next-line typescript/unbound-method -- it is called with its sender
const { send } = Sender.prototype;
Sender.prototype.send = function (...args) {
  return working(() => send.apply(this, args));
};

function begin(token: unknown): void {
  inFlight.add(token);
  begun += 1;
}

/** Does work that `atRest` waits for. */
export async function working<T>(work: () => Promise<T>): Promise<T> {
  const token = {};
  begin(token);
  try {
    return await work();
  } finally {
    inFlight.delete(token);
  }
}

/** So many turns of the event loop without a request or a call of the journal, and what runs waits for time alone. */
const QUIET_TURNS = 12;

/** Resolves when no work is under way and none was begun for some turns: whatever runs here waits for its clock. */
export async function atRest(): Promise<void> {
  let before = begun;
  for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
    await turn();
    if (inFlight.size > 0 || begun !== before) quiet = 0;
    before = begun;
  }
}

/** Lets time pass until `work` ends, whenever everything waits for time and nothing for the network. */
export async function passTime<T>(clock: DrivenClock, work: Promise<T>): Promise<T> {
  const state = { ended: false };
  const end = () => {
    state.ended = true;
  };
  work.then(end, end);
  for (await atRest(); !state.ended; await atRest()) {
    if (clock.next !== undefined) await clock.advance(Math.max(0, clock.next - clock.now()), atRest);
  }
  return work;
}
