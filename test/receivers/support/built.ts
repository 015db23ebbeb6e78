import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** A real receiver that a recipe builds. */
export type Receiver = 'collector' | 'opensearch' | 'loki';

/** What `build.sh` ends with when a tool is not on this machine. */
const UNAVAILABLE = 69;

const BUILD = new URL('../build.sh', import.meta.url).pathname;

interface Built<Name extends Receiver> {
  /** Where each was built into; '' when skipped. */
  readonly folders: Readonly<Record<Name, string>>;
  /** Why the tests are to be skipped, for their title; '' when they are not. */
  readonly skipped: string;
}

/**
 * Real receivers, built first where they are not. Without the tools for it their tests are skipped on a developer's
 * machine, and fail in CI.
 */
export async function built<Name extends Receiver>(...receivers: readonly Name[]): Promise<Built<Name>> {
  const folders: Partial<Record<Receiver, string>> = {};
  for (const receiver of receivers) {
    const { folder, missing } = await build(receiver);
    folders[receiver] = folder;
    if (missing === undefined) continue;
    if (process.env['CI'] === 'true') throw new Error(missing);
    return { folders: folders as Record<Name, string>, skipped: `, skipped, because ${missing}` };
  }
  return { folders: folders as Record<Name, string>, skipped: '' };
}

async function build(receiver: Receiver): Promise<{ folder: string; missing?: string }> {
  const child = spawn('bash', [BUILD, receiver], { stdio: ['ignore', 'pipe', 'pipe'] });
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
      ?.replace(/^receivers: /, '') ?? '';
  if (code === UNAVAILABLE) return { folder: '', missing: reason };
  throw new Error(`test/receivers/build.sh ${receiver} ended with ${code}:\n${said}`);
}
