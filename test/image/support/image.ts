import { readFile } from 'node:fs/promises';
import { startProgram } from '../../support/cli.ts';

/** What the image tells a container runtime, as Docker's image format names it. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

/** The image of this tree, its root laid out as a directory. */
export interface Image {
  readonly root: string;
  readonly config: ImageConfig;
}

/** What `build.sh` ends with when a tool or a right is not on this machine. */
const UNAVAILABLE = 69;

const BUILD = new URL('../build.sh', import.meta.url).pathname;

/**
 * Builds the image, or finds it built. Without the tools for it the tests are skipped on a developer's machine, `skipped`
 * saying why for their title, and fail in CI.
 */
export async function builtImage(): Promise<{ readonly image: Image; readonly skipped: string }> {
  // The whole environment: how the machine reaches its registry may be in it.
  const env = process.env as Record<string, string>;
  const { code, stdout, stderr } = await startProgram(['bash', BUILD], { env }).ended;
  if (code === UNAVAILABLE && process.env['CI'] !== 'true') {
    const reason = stderr.trim().split('\n').at(-1) ?? '';
    return { image: { root: '', config: {} as ImageConfig }, skipped: `, skipped: ${reason}` };
  }
  if (code !== 0) throw new Error(`test/image/build.sh ended with ${code}:\n${stderr}`);
  const root = stdout.trim();
  const inspected = JSON.parse(await readFile(`${root}.json`, 'utf8')) as { Docker: { config: ImageConfig } };
  return { image: { root, config: inspected.Docker.config }, skipped: '' };
}
