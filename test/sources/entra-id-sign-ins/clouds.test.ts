import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseDefinition } from '../../../src/sources/_declarative/parse.ts';

const file = new URL('../../../src/sources/entra-id-sign-ins/source.yaml', import.meta.url);
const { auth } = parseDefinition({ file: file.pathname, text: readFileSync(file, 'utf8') });

it.each([
  ['https://graph.microsoft.com', 'https://login.microsoftonline.com/t-1/oauth2/v2.0/token'],
  ['https://graph.microsoft.us', 'https://login.microsoftonline.us/t-1/oauth2/v2.0/token'],
  ['https://dod-graph.microsoft.us', 'https://login.microsoftonline.us/t-1/oauth2/v2.0/token'],
  [
    'https://microsoftgraph.chinacloudapi.cn',
    'https://login.partner.microsoftonline.cn/t-1/oauth2/v2.0/token',
  ],
  ['https://proxy.example.com', '/t-1/oauth2/v2.0/token'],
])('the token for %s comes from %s', (base, url) => {
  const form = auth.forms.get('')?.oauth2;
  const variables = { options: { base_url: base, tenant_id: 't-1' } };

  expect(form?.tokenUrl.text(variables)).toBe(url);
  expect(form?.scope?.text(variables)).toBe(`${base}/.default`);
});
