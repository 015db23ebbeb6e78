import { expect, it } from 'vitest';
import { serve, type SimulatedAnswer } from '../../../src/simulators/server.ts';
import { definition, NOW, simulated } from './lab.ts';

const OAUTH = '{ oauth2: { token_url: /token, client_id: penstock, client_secret: "{{ options.token }}" } }';
const LOGIN =
  '{ login: { request: { path: /session, body: { key: "{{ options.token }}" } }, token: session, headers: { X-Session: "{{ session }}" } } }';
const WINDOW = {
  request: '{ path: /records, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }',
  cursor: '{ window: { time: at, order: ascending, settle: 1m, overlap: 5m, initial_lookback: 1h } }',
};
const HTML = '<!DOCTYPE html><title>Sign in</title>';
const record = { id: 1, at: new Date(Date.parse(NOW) - 1_800_000).toISOString(), action: 'a1' };

it.each<[string, string, SimulatedAnswer]>(
  [OAUTH, LOGIN].flatMap((auth) => [
    [auth, 'HTML', { status: 200, headers: { 'content-type': 'text/html' }, body: HTML }],
    [auth, 'an outage', { status: 503, headers: { 'content-type': 'text/html' }, body: HTML }],
    [auth, 'no token', { status: 200, body: { ok: true } }],
    [auth, 'a token that is no text', { status: 200, body: { access_token: [1], session: [1] } }],
    [auth, 'a refusal', { status: 400, body: { error: 'invalid_client' } }],
    [auth, 'no answer', { status: 200, fault: 'reset' }],
  ]),
)('%s that gets %s asks for no records, keeps the cursor and names no secret', async (auth, _, answer) => {
  await using sample = await simulated(definition({ ...WINDOW, auth }));
  sample.vendor.add(record);
  sample.server.script.push(...Array.from({ length: 100 }, () => answer));

  const error: unknown = await sample.poll().catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(Error);
  expect(String(error)).not.toContain('token-of-sample');
  expect(sample.server.requests.map(({ path }) => path)).not.toContain('/records');
  sample.server.script.length = 0;
  await sample.poll();
  expect(sample.actions()).toEqual(['a1']);
});

it.each([301, 302, 307, 308])(
  'a redirect %s to another origin is an error, and gets nothing',
  async (status) => {
    await using sample = await simulated(definition(WINDOW));
    await using other = await serve(() => ({ status: 200, body: { data: [] } }), { clock: sample.clock });
    sample.vendor.add(record);
    sample.server.script.push({ status, headers: { location: `${other.url}/records` } });

    await expect(sample.poll()).rejects.toThrow('origin');

    expect(other.requests).toEqual([]);
    await sample.poll();
    expect(sample.actions()).toEqual(['a1']);
  },
);
