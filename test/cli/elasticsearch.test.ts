import { afterEach, beforeEach, expect, it } from 'vitest';
import { elasticsearchOtlp, mappingConflict } from '../support/elasticsearch-otlp.ts';
import { openWorld, type World } from './support/world.ts';

/** Elasticsearch's own OTLP endpoint, by its answers: `/_otlp` below the URL, documents as `elastic-bodymap` writes them. */

let world: World;
/** The uids whose documents do not fit their mapping. */
let misfits: ReadonlySet<string>;

beforeEach(async () => {
  world = await openWorld({ rows: 12 });
  misfits = new Set();
  world.receiver.answer = elasticsearchOtlp((record) =>
    misfits.has(record.uid) ? mappingConflict(record, 'qradar.count') : undefined,
  );
  const siem = { endpoint: `${world.receiver.url}/_otlp`, profile: 'elastic-bodymap' };
  await world.configure({ console: world.blocks['console'] ?? {} }, { destinations: { siem } });
});

afterEach(() => world[Symbol.asyncDispose]());

/** The uids that a console's login attempts will have. */
async function uids(): Promise<string[]> {
  const { rows } = await world.run('preview console --limit 12');
  return rows.map((row) => String(row['event.id'] ?? (row['event'] as { id?: string } | undefined)?.id));
}

it('the document that Elasticsearch refuses is the only dead letter, and goes out once its mapping is mended', async () => {
  const [, misfit = ''] = await uids();
  misfits = new Set([misfit]);

  const once = await world.run('once');
  const listed = await world.run('dead-letters list');
  misfits = new Set();
  const retried = await world.run('dead-letters retry');

  expect(once.code, once.stderr).toBe(0);
  expect(once.stderr).toContain('failed to parse field [qradar.count]');
  expect(listed.rows).toMatchObject([
    { uid: misfit, status: 200, reason: expect.stringContaining('failed to parse field [qradar.count]') },
  ]);
  expect(retried.code, retried.stderr).toBe(0);
  expect(world.receiver.ids().size).toBe(12);
  expect(world.receiver.received()).toHaveLength(12);
});

it('what is sent again is there already, and nothing is rejected', async () => {
  await world.run('once');

  const replayed = await world.run('replay --destination siem --from 1h');
  const listed = await world.run('dead-letters list');

  expect(replayed.code, replayed.stderr).toBe(0);
  expect(listed.rows).toEqual([]);
  expect(world.receiver.received()).toHaveLength(12);
});

it('a key without rights stops nothing but the delivery, in Elasticsearch’s words', async () => {
  const reason = 'action [indices:data/write/bulk] is unauthorized for API key id [a]';
  const body = JSON.stringify({ error: { type: 'security_exception', reason }, status: 403 });
  world.receiver.answer = () => ({ status: 403, headers: { 'content-type': 'application/json' }, body });

  const checked = await world.run('check');

  expect(checked.code).not.toBe(0);
  expect(checked.stdout).toContain(`It answers 403: ${reason}`);
});
