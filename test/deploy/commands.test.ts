import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { kustomized } from './support/kustomized.ts';
import { IMAGE, makePod, podsSkipped } from './support/pod.ts';
import { FOLDERS } from './support/render.ts';
import { tools } from './support/tools.ts';

const { folders, skipped } = await tools('kubernetes');
const reason = skipped || podsSkipped();

const SECRETS = {
  'qradar-token': 'token-of-the-deploy-tests\n',
  url: 'postgres://penstock:password@database/penstock\n',
};

describe.skipIf(reason !== '').each(FOLDERS)(`The Pod of deploy/kubernetes/%s${reason}`, (folder) => {
  it('has a configuration that is valid where it is mounted, and writes nothing to say so', async () => {
    await using pod = await makePod(await kustomized(folders.kubernetes, folder), { secrets: SECRETS });

    const before = await readdir(pod.state);
    const [, ...rest] = pod.args('penstock');
    const flags = rest.slice(rest.indexOf('--config'));
    const { code, stderr } = await runCli(['check', '--offline', ...flags], pod.container('penstock', IMAGE));

    expect(code, stderr).toBe(0);
    expect(await readdir(pod.state)).toEqual(before);
  });

  it('finds the configuration without being told where it is', async () => {
    await using pod = await makePod(await kustomized(folders.kubernetes, folder), { secrets: SECRETS });

    const { code, stderr } = await runCli(['check', '--offline'], pod.container('penstock', IMAGE));

    expect(code, stderr).toBe(0);
  });

  it('says which secret is missing', async () => {
    await using pod = await makePod(await kustomized(folders.kubernetes, folder), { secrets: {} });

    const { code, stderr } = await runCli(['check', '--offline'], pod.container('penstock', IMAGE));

    expect(code).toBe(2);
    expect(stderr).toContain('/run/secrets/penstock/qradar-token');
  });
});
