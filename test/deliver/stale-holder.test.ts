import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryParts } from '../../src/deliver/loop.ts';
import type { Hold } from '../../src/journal/leases.ts';
import { page, records } from '../journal/support/commits.ts';
import { SIEM } from '../journal/support/replicas.ts';
import { holdAll, SharedState, type SharingJournal, start } from '../journal/support/shared-state.ts';
import { NO_POSTGRES } from '../support/postgres.ts';
import { startDelivery } from './support/running.ts';

describe.skipIf(NO_POSTGRES)('a replica that pauses in a delivery until another has delivered', () => {
  let state: SharedState;
  let stale: SharingJournal;
  let other: SharingJournal;
  let holds: readonly Hold[];

  beforeEach(async () => {
    state = await SharedState.make({ lease: 60_000 });
    [stale, other] = [await state.open('stale'), await state.open('other')];
    holds = await start(stale);
    await stale.commit(page({ records: records(3) }));
  });
  afterEach(() => state[Symbol.asyncDispose]());

  /** The other replica takes over, delivers, and gives back. Returns what it leaves. */
  async function deliverElsewhere(): Promise<Record<string, unknown>> {
    await state.expireAll();
    const taken = await holdAll(other, [SIEM]);
    const position = { sequence: 1, offset: 2 };
    await other.acknowledge('siem', { position, response: 'of the other', now: 5 });
    await other.leases.release(taken);
    return state.contents();
  }

  it.each([
    ['before the request', 200, 'send'],
    ['before the acknowledgement', 200, 'acknowledge'],
    ['before the pause is recorded', 401, 'setPaused'],
  ] as const)('%s, changes nothing, and ends quietly', async (_when, status, step) => {
    let left: Record<string, unknown> | undefined;
    const at = async (name: string) => {
      if (name === step) left ??= await deliverElsewhere();
    };
    const destinations = new Proxy(stale.destinations, {
      get: (of, name) => {
        if (name === 'setPaused')
          return async (...args: Parameters<typeof of.setPaused>) =>
            at('setPaused').then(() => of.setPaused(...args));
        const value: unknown = Reflect.get(of, name);
        return typeof value === 'function' ? (value.bind(of) as unknown) : value;
      },
    });
    const journal: DeliveryParts['journal'] = {
      pages: stale.pages,
      deadLetters: stale.deadLetters,
      destinations,
      room: (now) => stale.room(now),
      stats: () => stale.stats(),
      acknowledge: async (...args) => at('acknowledge').then(() => stale.acknowledge(...args)),
    };
    await using delivering = await startDelivery({ parts: { journal } });
    delivering.receiver.answer = () => ({ status });
    const { sender } = delivering;
    const send = sender.send.bind(sender);
    sender.send = async (...args) => at('send').then(() => send(...args));
    const hold = holds.find(({ subject }) => subject.kind === 'destination');

    await delivering.delivery.run(hold?.signal ?? AbortSignal.abort());

    expect(left).toBeDefined();
    expect(await state.contents()).toEqual(left);
    expect(hold?.signal.aborted).toBe(true);
    expect(stale.lines).toMatchObject([{ level: 40, event: { reason: 'another replica took it' } }]);
    const tried = 'The journal could not be written or read; it is tried again.';
    expect(delivering.lines.map(({ msg }) => msg)).not.toContain(tried);
  });
});
