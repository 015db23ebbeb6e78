import { run, type Ran } from './run.ts';

export const CHART = new URL('../../../deploy/helm', import.meta.url).pathname;

/** Values as `--set-json` takes them, by their path. */
export type Values = Readonly<Record<string, unknown>>;

/** What `helm template` makes of the chart. Throws, with Helm's words, when it makes nothing. */
export async function template(folder: string, values: Values): Promise<string> {
  const { code, stdout, stderr } = await helm(folder, ['template', 'penstock', CHART, ...setting(values)]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** Runs Helm, which finds nothing of its user's. */
export function helm(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  return run(`${folder}/helm`, args, { env: { HOME: '/nonexistent', ...env } });
}

/** Values as arguments. */
export function setting(values: Values): string[] {
  return Object.entries(values).flatMap(([path, value]) => [
    '--set-json',
    `${path}=${JSON.stringify(value)}`,
  ]);
}
