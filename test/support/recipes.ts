import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** What `build-recipes.sh` ends with when a tool is not on this machine. */
const UNAVAILABLE = 69;

interface Built<Name extends string> {
  /** Where each was built into; absent when skipped. */
  readonly folders: Readonly<Record<Name, string>>;
  /** Why the tests are to be skipped, for their title; '' when they are not. */
  readonly skipped: string;
}

/**
 * Programs that a suite's `build.sh` makes, built first where they are not. Without the tools for it their tests are
 * skipped on a developer's machine, and fail in CI.
 */
export async function builtBy<Name extends string>(
  script: URL,
  names: readonly Name[],
): Promise<Built<Name>> {
  const folders: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const { folder, missing } = await build(script.pathname, name);
    folders[name] = folder;
    if (missing === undefined) continue;
    if (process.env['CI'] === 'true') throw new Error(missing);
    return { folders: folders as Record<Name, string>, skipped: `, skipped, because ${missing}` };
  }
  return { folders: folders as Record<Name, string>, skipped: '' };
}

async function build(script: string, name: string): Promise<{ folder: string; missing?: string }> {
  const child = spawn('bash', [script, name], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.pipe(process.stderr, { end: false });
  const [folder, said, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code === 0) return { folder: folder.trim() };
  const reason =
    said
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^\w+: /, '') ?? '';
  if (code === UNAVAILABLE) return { folder: '', missing: reason };
  throw new Error(`${script} ${name} ended with ${code}:\n${said}`);
}
