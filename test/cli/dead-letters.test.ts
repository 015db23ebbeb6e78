import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ecsProblems } from '../support/ecs-rules.ts';
import { flatten } from '../support/truth.ts';
import { refusing } from '../../src/simulators/otlp-receiver.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
/** The uid of the event that the receiver refuses. */
let refused: string;

beforeEach(async () => {
  world = await openWorld({ rows: 12 });
  refused = '';
  world.receiver.answer = (request) => {
    refused ||= request.records[3]?.uid ?? '';
    return refusing(({ uid }) => uid === refused, { words: 'no such field' })(request);
  };
  await world.run('once');
});

afterEach(() => world[Symbol.asyncDispose]());

it('dead-letters list prints rejected events, one JSON object per line', async () => {
  const list = await world.run('dead-letters list');
  const exported = await world.run('dead-letters export --destination siem');

  expect(list.code).toBe(0);
  expect(list.rows).toEqual([
    {
      id: 1,
      destination: 'siem',
      status: 400,
      reason: 'no such field',
      uid: refused,
      at: expect.stringMatching(/Z$/) as string,
      event: expect.objectContaining({ ecs: { version: expect.any(String) as string } }) as unknown,
    },
  ]);
  expect(ecsProblems(flatten(list.rows[0]!['event'] as Record<string, unknown>))).toEqual([]);
  expect(exported.rows).toEqual(list.rows);
});

it('dead-letters prints a table on a terminal, and show the whole event', async () => {
  const list = await world.run('dead-letters list', { tty: true });
  const byNumber = await world.run('dead-letters show 1', { tty: true });
  const byUid = await world.run(`dead-letters show ${refused}`);

  expect(list.stdout).toMatch(/^1 +siem +\S+Z +400 +qradar\.login_attempts +no such field$/m);
  expect(parse(byNumber.stdout)).toMatchObject({ uid: refused, event: { event: { module: 'qradar' } } });
  expect(byUid.rows).toMatchObject([{ id: 1 }]);
});

it('dead-letters list is empty when nothing was rejected', async () => {
  await using other = await openWorld();

  const { code, stderr } = await other.run('dead-letters list', { tty: true });

  expect(code).toBe(0);
  expect(stderr).toContain('No dead letters');
});

it.each([
  ['dead-letters show 7', 'penstock dead-letters list'],
  ['dead-letters list --destination sien', 'did you mean siem?'],
  ['dead-letters lst', 'Did you mean list?'],
])('dead-letters exits 2 on %s', async (line, words) => {
  const { code, stderr } = await world.run(line);

  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
