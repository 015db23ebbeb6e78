import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { absolutePath, readConfigurationFile, whyNotRead } from '../config/files.ts';
import type { SourceFile } from '../config/yaml.ts';
import { ConfigError } from '../core/errors.ts';
import type { Source } from '../core/source.ts';
import type { Definition } from '../sources/_declarative/definition.ts';
import { type Fixture, readFixture } from '../sources/_declarative/fixture.ts';
import { parseDefinition } from '../sources/_declarative/parse.ts';
import { sourceOf } from '../sources/_declarative/source-of.ts';

/** A fixture of a definition, and the file that it is in. */
export interface FixtureFile extends SourceFile {
  readonly fixture: Fixture;
}

/** A definition, and its fixtures in the order of their names. */
export interface SourceFolder {
  readonly definition: Definition;
  readonly source: Source;
  readonly fixtures: readonly FixtureFile[];
}

/**
 * Reads a definition, and the fixtures beside it. `path`: a folder with a source.yaml, or the file; relative to `cwd`.
 * @throws ConfigError with everything that is wrong, one line each
 */
export async function readSourceFolder(cwd: string, path: string): Promise<SourceFolder> {
  const file = (await isFolder(absolutePath(cwd, path), path)) ? join(path, 'source.yaml') : path;
  const definition = parseDefinition(await readText(cwd, file));
  const folder = join(dirname(file), 'fixtures');
  const problems: string[] = [];
  const fixtures: FixtureFile[] = [];
  for (const name of await fixtureNames(absolutePath(cwd, folder))) {
    const one = await readText(cwd, join(folder, name));
    try {
      const fileAt = (relative: string) => absolutePath(absolutePath(cwd, folder), relative);
      fixtures.push({ ...one, fixture: readFixture(one, definition, fileAt) });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { definition, source: sourceOf(definition), fixtures };
}

async function isFolder(at: string, path: string): Promise<boolean> {
  try {
    return (await stat(at)).isDirectory();
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readText(cwd: string, file: string): Promise<SourceFile> {
  try {
    return { file, text: (await readConfigurationFile(absolutePath(cwd, file))).toString('utf8') };
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function fixtureNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unreadable(folder, error);
  }
}

function unreadable(path: string, error: unknown): ConfigError {
  return new ConfigError([`${path} cannot be read: ${whyNotRead(error)}.`]);
}
