import type { Receiver } from '../../../src/simulators/otlp-receiver.ts';
import type { ReceivedRecord } from '../../../src/simulators/otlp-receiver-decode.ts';
import type { Petra } from '../../../src/simulators/petra.ts';
import type { LoginAttempt } from '../../../src/simulators/qradar-attempts.ts';
import { arrivedTuple, tupleOf } from '../../support/truth.ts';
import { askedBySource, pollsAtOnce, windowsAboveLimit } from './polls.ts';
import type { World } from './world.ts';

/** How often something happened (or what it was counted as), by its name. */
type Facts = ReadonlyMap<string, number>;
type Fact = readonly [name: string, count: number];

/** Everything in which the destinations differ from what the vendors have, or that a vendor should not have seen; in words. */
export function faultsOf(world: World): string[] {
  const truth = factsOf(vendorFacts(world));
  const asked = askedBySource(world);
  return [
    ...[...world.destinations].flatMap(([name, receiver]) =>
      destinationFaults(receiver, truth).map((fault) => `${name}: ${fault}`),
    ),
    ...asked.flatMap(pollsAtOnce),
    ...asked.flatMap(windowsAboveLimit),
  ];
}

/** Records that a destination received, and how many of them were repeats. */
export function figuresOf({ destinations }: World): Record<string, { records: number; repeats: number }> {
  const figures = [...destinations].map(([name, receiver]) => {
    const records = receiver.ids().size;
    return [name, { records, repeats: receiver.received().length - records }] as const;
  });
  return Object.fromEntries(figures);
}

/** How many facts of the vendors a destination lacks. */
export function lacking(world: World, receiver: Receiver): number {
  return excess(factsOf(vendorFacts(world)), factsOf(arrivedFacts(receiver))).length;
}

function destinationFaults(receiver: Receiver, truth: Facts): string[] {
  const arrived = factsOf(arrivedFacts(receiver));
  const different = [...receiver.ids().values()].flatMap(([first, ...repeats]) =>
    repeats.filter(({ bytes }) => !Buffer.from(bytes).equals(first?.bytes ?? Buffer.alloc(0))),
  );
  return [
    ...excess(truth, arrived).map((fact) => `lost ${fact}`),
    ...excess(arrived, truth).map((fact) => `has as something new ${fact}`),
    ...different.map(({ uid }) => `a repeat of ${uid} is not the same to the byte`),
  ];
}

function factsOf(facts: Iterable<Fact>): Facts {
  const sums = new Map<string, number>();
  for (const [name, count] of facts) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

/** Facts that `one` has more often than `other`. */
function excess(one: Facts, other: Facts): string[] {
  return [...one].flatMap(([name, count]) => {
    const more = count - (other.get(name) ?? 0);
    return more > 0 ? [`${more} × ${name}`] : [];
  });
}

function vendorFacts({ consoles, petra }: World): Fact[] {
  return [
    ...[...consoles.values()].flatMap(({ rows }) =>
      (rows as LoginAttempt[]).map((row): Fact => [`log-in ${tupleOf(row)}`, 1]),
    ),
    ...petra.incidents.all.map(({ id }): Fact => [`incident ${id} created`, 1]),
    ...attackFacts(petra),
  ];
}

/** The counts of each tenant's day as the vendor showed them last. */
function attackFacts({ shown }: Petra): Fact[] {
  return [...shown.values()].map(({ tenantId, from, report }) => [
    `attacks on ${tenantId} of ${new Date(from).toISOString()}`,
    report.totalCount,
  ]);
}

/** What the first copy of each record says. */
function arrivedFacts(receiver: Receiver): Fact[] {
  return [...receiver.ids().values()].flatMap(([first]) => (first === undefined ? [] : factsIn(first)));
}

function factsIn(received: ReceivedRecord): Fact[] {
  const { attributes } = received.record;
  const dataset = attributes['event.dataset'];
  if (dataset === 'qradar.login_attempts') return [[`log-in ${arrivedTuple(received)}`, 1]];
  if (dataset === 'petra.incidents' && attributes['event.action'] === 'incident-created') {
    return [[`incident ${String(attributes['petra.incident.id'])} created`, 1]];
  }
  if (dataset !== 'petra.failed_attacks' || attributes['petra.failed_attacks.dimension'] !== 'total')
    return [];
  const day = new Date(String(attributes['event.start'])).toISOString();
  const name = `attacks on ${String(attributes['petra.tenant.id'])} of ${day}`;
  return [[name, Number(attributes['petra.failed_attacks.delta'])]];
}

/** Says figures of a proof on stderr: they are no condition, so they are not checked. */
export function report(what: string, figures: unknown): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}
