import { accessSync, constants, statSync } from 'node:fs';
import { whyNoHeader } from './secret-text.ts';
import { tlsProblems } from './tls-files.ts';
import { isRecord, membersOf, type Tree } from './tree.ts';
import { readSecretFile } from './interpolate.ts';
import { identify, type Path } from './location.ts';
import { absolutePath } from './path.ts';
import type { Problems } from './problems.ts';
import { readRegularFile, whyNotRead } from './regular-file.ts';

const TLS_FILES = ['ca_file', 'cert_file', 'key_file'] as const;

/** Reads files relative to the working directory. */
export function fileReader(cwd: string): (path: string) => string {
  return (path) => readRegularFile(absolutePath(cwd, path)).toString('utf8');
}

/**
 * Makes the paths in sources and destinations absolute, finds out which cannot be read, and puts what a `token_file`
 * holds into `token`.
 */
export function openFiles(tree: Tree, cwd: string, problems: Problems): void {
  for (const section of ['sources', 'destinations']) {
    for (const [name, block] of membersOf(tree.value[section])) {
      if (!isRecord(block)) continue;
      openTlsFiles(block['tls'], [section, name, 'tls'], { tree, cwd, problems });
      if (section === 'sources') openTokenFile(block, [section, name], { tree, cwd, problems });
    }
  }
}

interface Context {
  readonly tree: Tree;
  readonly cwd: string;
  readonly problems: Problems;
}

function openTlsFiles(tls: unknown, path: Path, { tree, cwd, problems }: Context): void {
  if (!isRecord(tls)) return;
  for (const key of TLS_FILES) {
    const file = tls[key];
    if (typeof file !== 'string' || file === '') continue;
    const absolute = absolutePath(cwd, file);
    tls[key] = absolute;
    const problem = whyUnreadable(absolute);
    if (problem !== undefined) problems.add(tree.places.value([...path, key]), [...path, key], problem);
  }
  // A passphrase that could not be filled in is told already.
  if (tree.unfilled.has(identify([...path, 'key_passphrase']))) return;
  const texts = Object.entries(tls).filter(([, value]) => typeof value === 'string' && value !== '');
  for (const { option, message } of tlsProblems(Object.fromEntries(texts) as Record<string, string>)) {
    problems.add(tree.places.value([...path, option]), [...path, option], message);
  }
}

/** Why a file cannot be read, in words that begin with `expected`; undefined when it can. */
export function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    if (statSync(file).isFile()) return undefined;
    return `expected a readable file at ${file} (not a regular file)`;
  } catch (error) {
    return `expected a readable file at ${file} (${whyNotRead(error)})`;
  }
}

function openTokenFile(block: Record<string, unknown>, path: Path, { tree, cwd, problems }: Context): void {
  const file = block['token_file'];
  if (typeof file !== 'string' || file === '') return;
  const filePath = [...path, 'token_file'];
  if (block['token'] !== undefined) {
    problems.add(
      tree.places.nearestKey(filePath),
      filePath,
      'expected either `token` or `token_file`, not both',
    );
    return;
  }
  const again = () => readSecretFile(file, fileReader(cwd));
  try {
    const token = again();
    const problem = whyNoHeader(token);
    if (problem !== undefined) throw new Error(`${problem}, in the file ${file}`);
    block['token'] = token;
  } catch (error) {
    problems.add(tree.places.value(filePath), filePath, (error as Error).message);
    return;
  }
  const tokenPath = [...path, 'token'];
  tree.substitutions.set(identify(tokenPath), { path: tokenPath, pieces: [], fromFile: true, again });
}
