import { createHmac } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { toJson } from '../../src/core/json.ts';
import { openJournalReadOnly } from '../../src/journal/sqlite/open.ts';
import { refusing } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { decoded } from '../support/records.ts';
import { arrivedEvent } from '../support/truth.ts';
import { openWorld, type World } from './support/world.ts';

const KEY = 'key-of-the-hashes-0123456789';
const FAILED_ONLY = { drop: ['event.outcome == "success"'] };

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 60 });
});

afterEach(() => world[Symbol.asyncDispose]());

const withShape = (shape?: object, level = 'debug') =>
  world.configure({ console: { ...world.blocks['console'], ...(shape && { shape }) } }, { log: { level } });

const rows = () => world.console.rows as readonly LoginAttempt[];
const arrived = () => world.receiver.received().map(arrivedEvent);
const outcomes = () => new Set(arrived().map((event) => event['event.outcome']));

/** The bytes of all files of the state, and every journaled record in words, because pages are compressed. */
async function stored(): Promise<string> {
  const state = join(world.path, 'state');
  const files = await readdir(state, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
  );
  await using view = await openJournalReadOnly(state);
  for (let position = { sequence: 0, offset: 0 }; ;) {
    const page = await view.pages.read(position);
    if (page === undefined) return texts.join('\n');
    texts.push(JSON.stringify(decoded(page)));
    position = { sequence: page.sequence + 1, offset: 0 };
  }
}

it('dropped events are counted, shown, remembered and never sent, also after the rule is gone', async () => {
  await withShape(FAILED_ONLY);
  const successes = rows().filter((row) => row.attempt_result === 'SUCCESS').length;
  const failures = rows().length - successes;

  const first = await world.run('once --json');
  const status = await world.run('status --json');
  const table = await world.run('status', { tty: true });
  await withShape();
  const second = await world.run('once --json');

  expect(successes).toBeGreaterThan(5);
  expect(first.rows[0]).toMatchObject({
    sources: [{ new: failures, dropped: successes, malformed: 0 }],
    dropped: successes,
    collected: failures,
  });
  expect(String(first.rows[0]?.['summary'])).toContain(`${successes} dropped by shape.drop`);
  expect(status.rows[0]).toMatchObject({
    sources: [{ dropped: successes, ledger: { entries: rows().length } }],
  });
  expect(table.stdout).toMatch(/ dropped /);
  expect(second.rows[0]).toMatchObject({ sources: [{ new: 0, repeated: expect.any(Number) as number }] });
  expect(arrived()).toHaveLength(failures);
  expect(outcomes()).not.toContain('success');
});

it('preview says how many events are dropped, and shows the others', async () => {
  await withShape(FAILED_ONLY);

  const { rows: shown, stderr } = await world.run('preview console');

  const successes = rows().filter((row) => row.attempt_result === 'SUCCESS').length;
  expect(shown).toHaveLength(rows().length - successes);
  expect(stderr).toContain(`Not shown: ${successes} events that \`shape.drop\` drops.`);
});

it('a removed name and a hashed address are in no record, no file of the state and no line of the log', async () => {
  await withShape({
    remove: ['user.name'],
    hash: { fields: ['source.address'], key: KEY },
    original: true,
  });
  let refused: readonly string[] = [];
  world.receiver.answer = (request) => {
    if (refused.length === 0) refused = [3, 9, 20].map((index) => request.records[index]?.uid ?? '');
    return refusing(({ uid }) => refused.includes(uid))(request);
  };

  const { stderr, stdout } = await world.run('once --json');
  const letters = await world.run('dead-letters list --json');
  const state = await stored();
  const names = world.console.users.map(({ username }) => username).filter((name) => name.length >= 4);
  const addresses = [...new Set(rows().map((row) => row.remote_ip))];

  expect(letters.rows).toHaveLength(3);
  const sent = world.receiver.exports
    .flatMap(({ records }) => records.map(({ record }) => toJson(record)))
    .join('\n');
  for (const value of [...names, ...addresses])
    for (const text of [sent, state, stdout, stderr, letters.stdout])
      expect(text.includes(value), value).toBe(false);
});

it('every record has its raw record with `original`, and a hash that joins', async () => {
  await withShape({ hash: { fields: ['user.name'], key: KEY }, original: true });

  await world.run('once');

  const hashes = new Set(
    world.console.users.map(({ username }) => createHmac('sha256', KEY).update(username).digest('hex')),
  );
  const named = arrived().filter((event) => 'user.name' in event);
  expect(named.length).toBeGreaterThan(10);
  for (const event of named) expect(hashes).toContain(event['user.name']);
  for (const event of arrived())
    expect(JSON.parse(String(event['event.original']))).toMatchObject({
      attempt_time: expect.any(Number) as number,
    });
});

it('a shape changes no id', async () => {
  await withShape({ remove: ['user.name', 'source.address'], original: true });
  const shaped = await world.run('preview console --profile attributes');
  await withShape();
  const plain = await world.run('preview console --profile attributes');

  const ids = (outcome: typeof plain) =>
    outcome.rows.map((row) => (row['attributes'] as Record<string, unknown>)['log.record.uid']);
  expect(ids(shaped)).toHaveLength(rows().length);
  expect(ids(shaped)).toEqual(ids(plain));
});

it('check warns of a field whose value the state keeps, and of a short key', async () => {
  await withShape({ remove: ['user.id'], hash: { fields: ['user.name'], key: 'short' } });

  const { rows: findings } = await world.run('check --offline --json');

  const details = findings.filter(({ probe }) => probe === 'shape');
  expect(details).toMatchObject([
    { verdict: 'warn', detail: expect.stringContaining('user.id: ') as string },
    { verdict: 'warn', detail: expect.stringContaining('shorter than 16') as string },
  ]);
});

it('an expression that fails is logged once, and its events are sent', async () => {
  await withShape({ drop: ['int(user.name) > 5'] }, 'warn');

  const { stderr } = await world.run('once');

  expect(arrived()).toHaveLength(rows().length);
  expect(stderr.split('An expression of shape.drop failed')).toHaveLength(2);
});
