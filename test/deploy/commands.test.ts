import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { kustomized } from './support/kustomized.ts';
import { IMAGE, makePod, podsSkipped } from './support/pod.ts';
import { SHAPES } from './support/render.ts';
import { tools } from './support/tools.ts';

const { folders, skipped } = await tools('kubernetes');
const reason = skipped || podsSkipped();

const SECRETS = { 'qradar-token': 'token-of-the-deploy-tests\n' };

describe.skipIf(reason !== '').each(SHAPES)(`The Pod of deploy/kubernetes/%s${reason}`, (shape) => {
  it('has a configuration that is valid where it is mounted, and writes nothing to say so', async () => {
    await using pod = await makePod(await kustomized(folders.kubernetes, shape), { secrets: SECRETS });

    const [, ...rest] = pod.args('penstock');
    const flags = rest.slice(rest.indexOf('--config'));
    const { code, stderr } = await runCli(['check', '--offline', ...flags], pod.container('penstock', IMAGE));

    expect(code, stderr).toBe(0);
    expect(await readdir(pod.state)).toEqual(['lost+found']);
  });

  it('finds the configuration without being told where it is', async () => {
    await using pod = await makePod(await kustomized(folders.kubernetes, shape), { secrets: SECRETS });

    const { code, stderr } = await runCli(['check', '--offline'], pod.container('penstock', IMAGE));

    expect(code, stderr).toBe(0);
  });

  it('says which secret is missing', async () => {
    await using pod = await makePod(await kustomized(folders.kubernetes, shape), { secrets: {} });

    const { code, stderr } = await runCli(['check', '--offline'], pod.container('penstock', IMAGE));

    expect(code).toBe(2);
    expect(stderr).toContain('/run/secrets/penstock/qradar-token');
  });
});
