import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { freePort, startService } from '../../receivers/support/service.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { run, type Ran } from './run.ts';

/** A Kubernetes API server with its store, on loopback: it takes and judges objects, and nothing acts on them. */
export interface ApiServer extends AsyncDisposable {
  readonly kubeconfig: string;
  kubectl(args: readonly string[], input?: string): Promise<Ran>;
  /** Adds kinds, and returns when they are served. */
  define(crds: string): Promise<void>;
  /** Makes a namespace that holds its Pods to a level of the Pod Security Standards, and warns of what is not. */
  namespace(name: string, level: 'restricted'): Promise<void>;
}

/** Starts etcd (of this machine) and the API server of a folder that the recipe `kubernetes` built. */
export async function startApiServer(folder: string): Promise<ApiServer> {
  const stack = new AsyncDisposableStack();
  try {
    const { path } = stack.use(await temporaryDirectory());
    const store = `http://127.0.0.1:${await freePort()}`;
    stack.use(await startStore(store, path));
    const port = await freePort();
    const token = randomUUID();
    await writeFile(`${path}/tokens.csv`, `${token},tester,tester,system:masters\n`);
    const kubeconfig = await access(path, port, token);
    const kubectl = (args: readonly string[], input = '') =>
      run(`${folder}/kubectl`, args, { input, env: { KUBECONFIG: kubeconfig, HOME: path } });
    const ready = async () => (await kubectl(['get', '--raw', '/readyz'])).code === 0;
    stack.use(await startJudge({ folder, path, port, store, ready }));
    const must = async (args: readonly string[], input?: string) => {
      const { code, stderr } = await kubectl(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    };
    const held = stack.move();
    return {
      kubeconfig,
      kubectl,
      async define(crds) {
        await must(['apply', '--filename', '-'], crds);
        await must(['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all']);
      },
      async namespace(name, level) {
        const labels = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=${level}`);
        await must(['create', 'namespace', name]);
        await must(['label', 'namespace', name, ...labels]);
      },
      [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
    };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

async function startStore(url: string, path: string) {
  const peer = `http://127.0.0.1:${await freePort()}`;
  const flags = [
    `--data-dir=${path}/etcd`,
    '--unsafe-no-fsync',
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ];
  const ready = async () => (await fetch(`${url}/health`)).ok;
  return startService({ command: 'etcd', args: flags, ready });
}

interface Judge {
  readonly folder: string;
  readonly path: string;
  readonly port: number;
  readonly store: string;
  readonly ready: () => Promise<boolean>;
}

async function startJudge({ folder, path, port, store, ready }: Judge) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeFile(`${path}/accounts.key`, privateKey, { mode: 0o600 });
  await writeFile(`${path}/accounts.pub`, publicKey);
  const flags = [
    `--etcd-servers=${store}`,
    `--secure-port=${port}`,
    `--token-auth-file=${path}/tokens.csv`,
    // Nobody may reach it from elsewhere, and nobody needs to find it.
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    // It signs a certificate for itself.
    `--cert-dir=${path}/certificates`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    // As clusters have it: then it is Pod Security that refuses what is privileged.
    '--allow-privileged=true',
    // No controller makes the accounts that Pods would have.
    '--disable-admission-plugins=ServiceAccount',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${path}/accounts.pub`,
    `--service-account-signing-key-file=${path}/accounts.key`,
  ];
  return startService({ command: `${folder}/kube-apiserver`, args: flags, ready });
}

/** A kubeconfig that trusts the certificate which the server signs for itself. */
async function access(path: string, port: number, token: string): Promise<string> {
  const file = `${path}/kubeconfig`;
  await mkdir(`${path}/certificates`);
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority': `${path}/certificates/apiserver.crt`,
  };
  await writeFile(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'tester', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'tester' } }],
      'current-context': 'test',
    }),
    { mode: 0o600 },
  );
  return file;
}
