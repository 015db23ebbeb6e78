import { expect, it } from 'vitest';
import { drive, failure } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { testPipeline } from '../../support/test-pipeline.ts';
import { UnexpectedAnswerError } from '../../../src/core/errors.ts';
import { serve } from '../../../src/simulators/server.ts';
import attacks from '../../../src/sources/petra-failed-attacks/index.ts';
import incidents from '../../../src/sources/petra-incidents/index.ts';

const NOW = '2026-03-10T12:00:00Z';

/** The scopes of failed attacks when this is Petra's list of tenants, and the lines of the log. */
async function scopesOf(body: unknown, status = 200) {
  const clock = new DrivenClock(NOW);
  await using vendor = await serve(() => ({ status, ...(status === 200 && { body }) }), { clock });
  const lab = testPipeline({ source: attacks, vendor, clock, config: { token: 'the key' } });
  await using process = lab.start();
  const seen = new Set<string>();
  for await (const { id } of attacks.streams(process.context as never)) {
    seen.add(id);
    // A tenant offered twice without a page: all of them were.
    if (seen.size >= 2) break;
  }
  return { scopes: [...seen], lines: lab.lines };
}

it('the tenants that have an id are read, and the log says how many have none', async () => {
  const { scopes, lines } = await scopesOf({
    tenants: [
      { petraTenantId: 't-1', name: 7 },
      { name: 'Nameless' },
      'a text',
      { petraTenantId: 't-2', microsoftTenantId: {} },
    ],
  });

  expect(scopes.toSorted()).toEqual(['t-1', 't-2']);
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: expect.stringMatching(/have no id/) as string,
      penstock: { tenants: 2 },
    }),
  );
});

it.each([
  ['null', { tenants: null }, 200],
  ['an empty list', { tenants: [] }, 200],
  ['no content', undefined, 204],
])('%s means no tenants', async (_what, body, status) => {
  expect((await scopesOf(body, status)).scopes).toEqual([]);
});

it.each([[{}], [{ tenants: {} }], [null], [{ tenants: [], error: { code: 'BUSY', message: 'Later.' } }]])(
  'a poll fails when the list of tenants is %j',
  async (body) => {
    expect(await failure(scopesOf(body))).toBeInstanceOf(UnexpectedAnswerError);
  },
);

it('an incident that names no tenant is shipped, whichever tenants are wanted', async () => {
  const clock = new DrivenClock(NOW);
  const incident = { createdAt: '2026-03-10T11:59:00.000Z', remediationStatus: 'UNREMEDIATED' };
  const body = {
    incidents: [
      { ...incident, id: 'ours', tenant: { petraTenantId: 't-1' } },
      { ...incident, id: 'theirs', tenant: { petraTenantId: 't-2' } },
      { ...incident, id: 'odd', tenant: { petraTenantId: 7 } },
      { ...incident, id: 'nobody’s' },
    ],
  };
  await using vendor = await serve(() => ({ status: 200, body }), { clock });
  const config = { token: 'the key', tenants: ['t-1'] };
  const lab = testPipeline({ source: incidents, vendor, clock, config });

  await drive(clock, lab.once());

  expect(lab.events.map(({ event }) => event['event.id']).toSorted()).toEqual(['nobody’s', 'odd', 'ours']);
  for (const { event } of lab.events)
    expect(event).toMatchObject({ 'event.kind': 'alert', 'event.severity': 99 });
});
