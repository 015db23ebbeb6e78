import { expect, it } from 'vitest';
import { drive } from '../../http/support/rig.ts';
import { definition, simulated } from './lab.ts';

const RECORDS = [
  { id: 1, action: 'a1', port: 'none', names: ['anna', 'boris'] },
  { id: 2, action: 'a2', names: ['carla'] },
];

it('values that do not fit, all but the first of a list, and details that are missing are counted', async () => {
  const text = definition({
    cursor: '{ snapshot: {} }',
    expand:
      '{ ids: id, size: 2, request: { method: POST, path: /details, body: { ids: "{{ ids }}" } }, records: resources, key: id }',
    map: '{ event.action: action, source.port: port, user.name: names }',
  });
  await using sample = await simulated(text);
  for (const record of RECORDS) sample.vendor.add(record);
  const list = { status: 200, body: { data: RECORDS } };
  sample.server.script.push(list, { status: 200, body: { resources: [RECORDS[0]] } });
  await using process = sample.lab.start();

  const first = await drive(sample.clock, process.run());
  const second = await drive(sample.clock, process.run());

  expect(first.stats.valuesLeftOut).toBe(3);
  expect(second.stats.valuesLeftOut).toBe(0);
  expect(sample.lab.events.map(({ event }) => event['user.name'])).toEqual(['anna', 'carla']);
  expect(sample.lab.events[0]?.event['error.message']).toMatch(/source\.port/);
  const warned = sample.lab.log.filter(({ msg }) => String(msg).startsWith('A field that takes one value'));
  expect(warned).toMatchObject([{ penstock: { field: 'user.name' } }]);
});
