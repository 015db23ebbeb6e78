import { describe, expect, test } from 'vitest';
import type { DestinationConfig } from '../../src/config/types.ts';
import type { Settled } from '../../src/deliver/in-flight-batch.ts';
import { encodedAlone } from '../support/records.ts';
import { event, events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

const LOG_RECORD = 0x12;

/** A page of these records, whatever their bytes are. */
function framed(records: readonly Uint8Array[]): { readonly bytes: Uint8Array; readonly count: number } {
  const parts = records.map((record) =>
    Buffer.concat([Buffer.from([LOG_RECORD, ...varint(record.length)]), record]),
  );
  return { bytes: new Uint8Array(Buffer.concat(parts)), count: records.length };
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function changed(record: Uint8Array, change: (bytes: Buffer) => void): Uint8Array {
  const copy = Buffer.from(record);
  change(copy);
  return new Uint8Array(copy);
}

const whole = encodedAlone(event(7));

/** Each is the second of three records; the others are whole. */
const DAMAGED: Readonly<Record<string, Uint8Array>> = {
  'is empty': new Uint8Array(),
  'is full of zeros': new Uint8Array(whole.length),
  'is cut within its times': whole.subarray(0, 12),
  'is cut within its attributes': whole.subarray(0, whole.length - 3),
  'has a length that points behind its end': changed(whole, (bytes) => bytes.fill(0x7f, 27, 28)),
  'has an id with a NUL': changed(whole, (bytes) =>
    bytes.fill(0, bytes.indexOf('uid-7'), bytes.indexOf('uid-7') + 1),
  ),
  'has names that nest deeper than the stack': encodedAlone(event(7, { ['a.'.repeat(20_000)]: 'x' })),
};

const SHAPES = (['attributes', 'elastic-ecs', 'elastic-bodymap', 'json-body'] as const).flatMap((profile) =>
  (['http/protobuf', 'http/json'] as const).map((protocol) => ({ profile, protocol })),
);

describe.each(SHAPES)('to a destination of $profile in $protocol', ({ profile, protocol }) => {
  test.each(Object.entries(DAMAGED))('a stored record that %s holds up no other', async (_what, damaged) => {
    const overrides = { profile, protocol, tenants: ['a'] } satisfies Partial<DestinationConfig>;
    await using running = await startDelivery({ overrides });
    const { journal, receiver } = running;
    journal.add(events(3), framed([encodedAlone(event(0)), damaged, encodedAlone(event(2))]));
    journal.add(events(3, 3));

    running.start();
    const rest = await running.delivery.idle();

    expect(rest).toBe('caught-up');
    expect(journal.passed).toBe(6);
    const letters = journal.letters.map(({ record }) => Buffer.from(record).toString('hex'));
    const sent = receiver.received().map(({ uid }) => uid);
    expect(sent.filter((uid) => uid !== 'uid-7')).toEqual(['uid-0', 'uid-2', 'uid-3', 'uid-4', 'uid-5']);
    // It is a dead letter with all its bytes, or it was sent: never neither.
    expect(letters).toEqual(sent.length === 6 ? [] : [Buffer.from(damaged).toString('hex')]);
    // Where the shape takes what is damaged as it is, the receiver said so.
    for (const { reason, status, uid } of journal.letters) {
      const expected = status === 400 ? /./ : /^the stored record cannot be read or shaped: \S/;
      expect(reason).toMatch(expected);
      expect(uid).toMatch(/^[!-~]+$/);
    }
  });
});

const pageOf = (count: number) => framed(events(count).map((one) => encodedAlone(one)));
const { bytes: ofThree } = pageOf(3);
const AFTER_TWO = pageOf(2).bytes.length;

test.each([
  ['cannot be decompressed', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3), 0],
  ['is empty', new Uint8Array(), 0],
  ['ends behind its second record', ofThree.subarray(0, AFTER_TWO), 2],
  ['is cut within its third record', ofThree.subarray(0, -4), 2],
  [
    'has something else between its records',
    changed(ofThree, (all) => all.fill(0x7a, AFTER_TWO, AFTER_TWO + 1)),
    2,
  ],
])('of a page that %s, what cannot be read is one dead letter', async (_what, bytes, readable) => {
  await using running = await startDelivery();
  const { journal, receiver } = running;
  journal.add(events(3), { bytes, count: 3 });
  journal.add(events(2, 3));

  running.start();
  await running.delivery.idle();

  const uids = receiver.received().map(({ uid }) => uid);
  expect(uids).toEqual([...events(readable), ...events(2, 3)].map(({ uid }) => uid));
  expect(journal.letters.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(new RegExp(`^${3 - readable} of 3 records of a stored page cannot be read: \\S`)),
  ]);
  const [letter] = journal.letters;
  const rest = bytes.subarray(readable === 0 ? 0 : AFTER_TWO);
  expect(Buffer.from(letter?.record ?? 'none')).toEqual(Buffer.from(rest));
});

test.each([
  ['from its beginning', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3), 0],
  ['where it was delivered already', changed(ofThree, (all) => all.fill(0x7a, 0, 1)), 0],
  ['in its third record', ofThree.subarray(0, -4), 2],
])(
  'a page of which two records were delivered before it was damaged %s loses none of the third',
  async (_what, bytes, readable) => {
    await using running = await startDelivery();
    const { journal, receiver } = running;
    journal.add(events(3), { bytes, count: 3 });
    journal.add(events(1, 3));
    journal.positions.push({ sequence: 1, offset: 2 });

    running.start();
    await running.delivery.idle();

    expect(receiver.received().map(({ uid }) => uid)).toEqual(['uid-3']);
    const rest = bytes.subarray(readable === 0 ? 0 : AFTER_TWO);
    expect(journal.letters.map(({ record }) => Buffer.from(record))).toEqual([Buffer.from(rest)]);
  },
);

test('dead letters are counted and logged also when nothing was sent', async () => {
  let counted = 0;
  const observer = {
    onResponse: () => undefined,
    onSkipped: () => undefined,
    onDeadLetters: (n: number) => (counted += n),
  };
  await using running = await startDelivery({ parts: { observer } });
  running.journal.add(events(1), framed([new Uint8Array(40)]));

  running.start();
  await running.delivery.idle();

  expect(counted).toBe(1);
  expect(running.lines.map(({ msg }) => msg)).toEqual([
    expect.stringContaining('Events became dead letters'),
  ]);
});

test('a record that cannot be read stays a dead letter under the same id when it is sent again', async () => {
  await using running = await startDelivery();
  const { journal, receiver } = running;
  journal.add(events(1), framed([new Uint8Array(40)]));
  running.start();
  await running.delivery.idle();
  const [letter] = journal.letters;
  if (letter === undefined) throw new Error('it is a dead letter');
  const { record, uid, ...origin } = letter;
  const settled: Settled[] = [];

  await running.delivery.redeliver({
    selection: { sources: undefined, tenants: undefined },
    read: async ({ sequence }) =>
      sequence > 9
        ? undefined
        : { ...origin, sequence: 9, source: 'console', records: [record, encodedAlone(event(5))] },
    settle: async (some) => void settled.push(some),
  });

  expect(settled.flatMap(({ rejected }) => rejected.map((one) => one.uid))).toEqual([uid]);
  expect(receiver.received().map((one) => one.uid)).toEqual(['uid-5']);
});

test('a destination that names tenants receives a record whose tenant cannot be read', async () => {
  await using running = await startDelivery({ overrides: { tenants: ['a'] } });
  running.journal.add(events(1), framed([new Uint8Array(40)]));

  running.start();
  await running.delivery.idle();

  expect(running.journal.letters).toHaveLength(1);
});
