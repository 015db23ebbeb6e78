import type { ApiServer } from './api-server.ts';

/** Dry run on the server: defaults, validation, admission; unknown fields and warnings are refusals. */
const STRICT = ['--dry-run=server', '--validate=strict', '--warnings-as-errors'] as const;

/** What the server finds wrong with manifests; '' when it takes them all as they are. */
export async function refusal(server: ApiServer, namespace: string, text: string): Promise<string> {
  const { code, stdout, stderr } = await server.kubectl(
    ['apply', '--namespace', namespace, ...STRICT, '--filename', '-'],
    text,
  );
  return code === 0 ? '' : `${stderr}${stdout}`;
}
