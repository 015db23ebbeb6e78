import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACME } from '../sources/_declarative/definitions.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { run } from './support/run.ts';
import { tools } from './support/tools.ts';

const { folders, skipped } = await tools('kubernetes', 'helm');

const REPOSITORY = new URL('../..', import.meta.url).pathname;

/** Files that the commands take, which a reader has. */
const FILES = {
  'qradar-token': 'token-of-the-deploy-tests',
  'database-url': 'postgres://penstock:password@database/penstock',
  'penstock.yaml':
    'sources: {console: {type: qradar-login-attempts, base_url: https://qradar.example.com, ' +
    'token: "${file:/run/secrets/penstock/qradar-token}"}}\n',
  'acme-audit/source.yaml': ACME,
  'collector.yaml': await readFile(`${REPOSITORY}deploy/collector/victorialogs.yaml`, 'utf8'),
};

/** The command lines of the indented blocks of a text. */
function commands(text: string): string[] {
  return [...text.matchAll(/^ {4}((?:helm|kubectl) .*)$/gm)].map(([, command]) => command as string);
}

describe.skipIf(skipped !== '')(`commands in documents${skipped}`, () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await startApiServer(folders.kubernetes);
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  /** Runs each as a reader of a clone would. */
  async function follow(lines: readonly string[]): Promise<void> {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    await mkdir(`${path}/acme-audit`);
    for (const [name, content] of Object.entries(FILES)) await writeFile(`${path}/${name}`, content);
    await symlink(`${REPOSITORY}deploy`, `${path}/deploy`);
    await mkdir(`${path}/home`);
    const env = {
      PATH: `${folders.kubernetes}:${folders.helm}:${process.env['PATH']}`,
      KUBECONFIG: server.kubeconfig,
      HOME: `${path}/home`,
    };
    for (const line of lines) {
      const { code, stdout, stderr } = await run('bash', ['-c', line], { cwd: path, env });
      expect(code, `${line}\n${stdout}${stderr}`).toBe(0);
    }
  }

  it('the commands of docs/kubernetes.md install each shape, over the one before', async () => {
    const lines = commands(await readFile(`${REPOSITORY}docs/kubernetes.md`, 'utf8'));

    expect(lines.length).toBeGreaterThan(7);
    await follow(lines);

    const { stdout } = await server.kubectl(['get', 'cronjob,pvc', '-n', 'penstock', '-o', 'name']);
    expect(stdout.trim().split('\n')).toEqual([
      'cronjob.batch/penstock',
      'persistentvolumeclaim/penstock-state',
    ]);
  });

  it('the commands of the chart’s README install it, and add a definition', async () => {
    const lines = commands(await readFile(`${REPOSITORY}deploy/helm/README.md`, 'utf8'));

    expect(lines).toHaveLength(2);
    await follow(lines);
  });
});
