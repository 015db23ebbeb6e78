import { expect, it } from 'vitest';
import { EventMaker } from '../../../src/collect/event-maker.ts';
import type { SourceConfig } from '../../../src/config/types.ts';
import { Shape } from '../../../src/ecs/shape.ts';
import { loadSources } from '../../../src/sources/registry.ts';

const MAIL = 'ada.lovelace@example.com';

/** An okta source whose `shape` removes the address of whoever acts. */
async function oktaWithout(field: string): Promise<SourceConfig> {
  const definition = (await loadSources()).get('okta-system-log');
  if (definition === undefined) throw new Error('It is shipped.');
  const shape = new Shape({
    drop: [],
    remove: [field],
    hash: undefined,
    original: true,
    fields: definition.fields,
    routing: [],
  });
  const options = { base_url: 'https://acme.okta.com', account: '', labels: {} };
  return { name: 'okta', definition, options, shape } as unknown as SourceConfig;
}

function made(source: SourceConfig, record: object, problem?: string) {
  const maker = new EventMaker(source, { scope: { id: '' }, lane: 'live', observedAt: 1_772_000_000_000 });
  return maker.make({
    observation: {
      key: 'k',
      record: { record, ...(problem !== undefined && { problem }) },
      original: record,
    },
    before: undefined,
    change: { reason: 'new', delta: 0 },
  });
}

const record = {
  uuid: 'c0ffee00-0000-4000-8000-000000000001',
  published: '2026-03-02T11:59:00.000Z',
  eventType: 'user.session.start',
  displayMessage: `Sign-in of ${MAIL}`,
  actor: { id: '00u1', type: 'User', alternateId: MAIL, displayName: 'Ada' },
  outcome: { result: 'SUCCESS' },
  debugContext: {
    debugData: {
      url: `/login?user=${encodeURIComponent(MAIL)}`,
      [MAIL]: 'x',
      json: JSON.stringify({ MAIL }),
    },
  },
};

it('a definition that keeps all vendor fields keeps none of a removed value, in names neither', async () => {
  const plain = made({ ...(await oktaWithout('user.name')), shape: undefined }, record);
  const field = Object.keys(plain.event.event).find(
    (name) => plain.event.event[name] === MAIL && name.startsWith('user.'),
  );
  const shaped = made(await oktaWithout(field ?? ''), record);

  expect(field).toBeDefined();
  expect(decodeURIComponent(JSON.stringify(shaped.event.event))).not.toContain(MAIL);
  expect(shaped.event.event['event.original']).toContain('[removed]');
  expect(shaped.event.uid).toBe(plain.event.uid);
});

it('a malformed record is not dropped, and keeps what is not removed', async () => {
  const source = await oktaWithout('user.name');

  const { event, malformed, drop } = made(
    source,
    { ...record, published: 'never' },
    '`published` is no time',
  );

  expect({ malformed, drop }).toEqual({ malformed: true, drop: false });
  expect(event.event['event.kind']).toBe('pipeline_error');
  expect(decodeURIComponent(JSON.stringify(event.event))).not.toContain(MAIL);
});
