import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { absolutePath } from '../config/files.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { newSource } from '../sources/_declarative/new-source.ts';
import type { ExitCode, Io } from './io.ts';
import { jsonLine, say, wantsJson } from './output.ts';

/** Modes, whatever the umask: everybody may read a definition, and Penstock runs what it says, so nobody else may write it. */
const FOLDER = 0o755;
const FILE = 0o644;

/** `penstock source new ID`: writes a definition to begin with. @throws ConfigError when its folder exists */
export async function sourceNew(
  io: Io,
  flags: Readonly<Record<string, unknown>>,
  [id = '']: readonly string[],
): Promise<ExitCode> {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(id))
    throw new ConfigError([
      `${id} is no id: expected lower-case letters, digits and hyphens, such as acme-audit.`,
    ]);
  const folder = join(flags['dir'] as string, id);
  await newFolder(absolutePath(io.cwd, folder), folder);
  for (const [name, text] of newSource(id)) {
    const file = join(folder, name);
    const at = absolutePath(io.cwd, file);
    await mkdir(dirname(at), { recursive: true, mode: FOLDER });
    await writeFile(at, text, { flag: 'wx', mode: FILE });
    if (wantsJson(io, flags)) jsonLine(io.stdout, { file });
    else say(io.stdout, `${file}\n`);
  }
  say(io.stderr, `Next: penstock source test ${folder}\n`);
  return EXIT.done;
}

/** Makes a folder that must not exist yet. */
async function newFolder(at: string, shown: string): Promise<void> {
  try {
    await mkdir(dirname(at), { recursive: true, mode: FOLDER });
    await mkdir(at, FOLDER);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new ConfigError([`${shown} exists, and nothing is overwritten. Name another, or remove it.`]);
    throw error;
  }
}
