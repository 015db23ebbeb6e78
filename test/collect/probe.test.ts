import { expect, test } from 'vitest';
import type { SourceConfig } from '../../src/config/types.ts';
import { probeSource } from '../../src/collect/probe.ts';
import type { Http } from '../../src/core/http.ts';
import { oauth2 } from '../../src/http/auth/oauth2.ts';
import { rig } from '../http/support/rig.ts';
import { tokenVendor } from '../http/support/token-endpoint.ts';
import { DrivenClock } from '../support/driven-clock.ts';

/** What `check` finds when the source's probe is one request and its tokens come from this endpoint. */
async function findings(answer?: { status: number; body: unknown }) {
  const clock = new DrivenClock();
  await using vendor = await tokenVendor({ clock });
  vendor.endpoint.script.push(answer);
  const authentication = oauth2({
    tokenUrl: `${vendor.endpoint.url}/token`,
    client: { id: () => 'us', proof: { by: 'post', secret: () => 'the secret of the client' } },
    identity: () => ({}),
  });
  const options = { base_url: vendor.api.url, retries: 0 };
  const { http } = await rig(vendor.api.url, { clock, authorise: () => authentication, options });
  const definition = {
    quotas: () => [],
    async *probe({ http: client }: { http: Http }) {
      const { status } = await client.get({ path: '/x', route: 'x' });
      yield { probe: 'records', verdict: 'ok', detail: String(status), advice: '' };
      return 1;
    },
  };
  const config = { name: 'sample', definition, options } as unknown as SourceConfig;
  const source = { options } as never;
  const found = await probeSource({ config, http, source, clock, shared: new Map() });
  await http[Symbol.asyncDispose]();
  return found.map(({ probe, verdict }) => `${probe} ${verdict}`);
}

test('a token endpoint that refuses says nothing about base_url', async () => {
  expect(await findings({ status: 401, body: { error: 'invalid_client' } })).toEqual(['credentials fail']);
});

test('with a token, the connection and the credential are sound', async () => {
  expect(await findings()).toEqual(['connection ok', 'credentials ok', 'records ok', 'clock ok', 'quota ok']);
});
