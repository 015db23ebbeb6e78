import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_POSTGRES, ownSchema } from '../support/postgres.ts';
import { ReplicaLab, type TestReplica } from './support.ts';

const LEASE = 3_000;
const CONSOLES = 7;

let schema: Awaited<ReturnType<typeof ownSchema>>;
let lab: ReplicaLab;

describe.skipIf(NO_POSTGRES !== undefined)('replicas on one PostgreSQL', () => {
  beforeEach(async () => {
    schema = await ownSchema();
    lab = await ReplicaLab.open({ ...schema, lease: LEASE, consoles: CONSOLES, receivers: 2 });
  });

  afterEach(async () => {
    await lab[Symbol.asyncDispose]();
    await schema[Symbol.asyncDispose]();
  });

  it('three replicas share the sources, those that stay take over, and both destinations get each row once', async () => {
    const one = await lab.start('one');
    await lab.until(() => one.sources.length === CONSOLES);
    const two = await lab.start('two');
    const three = await lab.start('three');
    await lab.until(() => isShared(one, two, three));
    const shared = [one, two, three].map(({ sources }) => sources.length);
    const delivering = [...two.destinations, ...three.destinations].toSorted();
    lab.signIn();

    await two.stop();
    await lab.until(() => isShared(one, three));
    lab.signIn();
    await lab.until(() => lab.isExact);

    expect(shared).toEqual([3, 2, 2]);
    expect(delivering).toEqual(['siem-0', 'siem-1']);
    expect([one.sources.length, three.sources.length]).toEqual([4, 3]);
  });
});

/** Whether each subject is worked on by one of these, and none has more than one source more than another. */
function isShared(...some: readonly TestReplica[]): boolean {
  const counts = some.map(({ sources }) => sources.length);
  const sources = new Set(some.flatMap((replica) => replica.sources));
  const destinations = new Set(some.flatMap((replica) => replica.destinations));
  const isEven = Math.max(...counts) - Math.min(...counts) <= 1;
  return sources.size === CONSOLES && destinations.size === lab.receivers.length && isEven;
}
