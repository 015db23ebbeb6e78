import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { absolutePath, readRegularFile, whyNotRead } from './files.ts';
import { readSecretFile, whyNoHeader } from './secrets.ts';
import { type Problems, identify, type Path } from './problems.ts';
import { isRecord, membersOf, type Tree, valueAt } from './tree.ts';

const DATABASE = ['state', 'postgres'];
const TLS_FILES = ['ca_file', 'cert_file', 'key_file'] as const;

/** Reads files relative to the working directory. */
export function fileReader(cwd: string): (path: string) => string {
  return (path) => readRegularFile(absolutePath(cwd, path)).toString('utf8');
}

/**
 * Makes the paths in sources, destinations and `state.postgres` absolute, reports files that cannot be read, and puts the content of a
 * `token_file` into `token`.
 */
export function openFiles(tree: Tree, cwd: string, problems: Problems): void {
  const place = valueAt(tree.value, DATABASE);
  if (isRecord(place)) openTlsFiles(place['tls'], [...DATABASE, 'tls'], { tree, cwd, problems });
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

function openTlsFiles(tls: unknown, path: Path, context: Context): void {
  if (!isRecord(tls)) return;
  const { tree, cwd, problems } = context;
  for (const key of TLS_FILES) {
    const file = tls[key];
    if (typeof file !== 'string' || file === '') continue;
    const absolute = absolutePath(cwd, file);
    tls[key] = absolute;
    const problem = whyUnreadable(absolute);
    if (problem !== undefined) addProblem([...path, key], problem, absolute, context);
  }
  // A passphrase that could not be filled in was reported already.
  if (tree.unfilled.has(identify([...path, 'key_passphrase']))) return;
  const texts = Object.entries(tls).filter(([, value]) => typeof value === 'string' && value !== '');
  for (const { option, message } of tlsProblems(Object.fromEntries(texts) as Record<string, string>)) {
    const place = [...path, option];
    if (option === 'key_passphrase') problems.add(tree.places.value(place), place, message);
    else addProblem(place, message, String(tls[option]), context);
  }
}

/** Adds a problem that may quote the path of a file, but not the text that `${…}` in it stands for: a misplaced secret. */
function addProblem(path: Path, message: string, file: string, { tree, problems }: Context): void {
  const pieces = tree.substitutions.get(identify(path))?.pieces.filter((piece) => piece !== '') ?? [];
  const isQuoted = pieces.every((piece) => file.includes(piece));
  const shown = isQuoted ? pieces.reduce((text, piece) => text.replace(piece, () => '${…}'), file) : '${…}';
  problems.add(
    tree.places.value(path),
    path,
    message.replace(file, () => shown),
  );
}

/** Why a file cannot be read, as a problem; undefined if it can. */
export function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    if (statSync(file).isFile()) return undefined;
    return `cannot read ${file}: it is not a regular file`;
  } catch (error) {
    return `cannot read ${file}: ${whyNotRead(error)}`;
  }
}

/**
 * Makes the paths in these options of a source absolute: they are relative to the configuration file. Reports files that
 * cannot be read.
 */
export function openFileOptions(
  block: Record<string, unknown>,
  path: Path,
  { names, ...context }: Context & { readonly names: readonly string[] },
): void {
  for (const name of names) {
    const file = block[name];
    if (typeof file !== 'string' || file === '') continue;
    const place = context.tree.places.value([...path, name]);
    const folder = place === undefined ? context.cwd : dirname(absolutePath(context.cwd, place.file));
    const absolute = absolutePath(folder, file);
    block[name] = absolute;
    const problem = whyUnreadable(absolute);
    if (problem !== undefined) addProblem([...path, name], problem, absolute, context);
  }
}

function openTokenFile(block: Record<string, unknown>, path: Path, context: Context): void {
  const file = block['token_file'];
  if (typeof file !== 'string' || file === '') return;
  const { tree, cwd, problems } = context;
  const filePath = [...path, 'token_file'];
  if (block['token'] !== undefined) {
    problems.add(tree.places.nearestKey(filePath), filePath, 'set either `token` or `token_file`, not both');
    return;
  }
  const again = () => readSecretFile(file, fileReader(cwd));
  try {
    const token = again();
    const problem = whyNoHeader(token);
    if (problem !== undefined) throw new Error(`${problem} (in the file ${file})`);
    block['token'] = token;
  } catch (error) {
    addProblem(filePath, (error as Error).message, file, context);
    return;
  }
  const tokenPath = [...path, 'token'];
  tree.substitutions.set(identify(tokenPath), { path: tokenPath, pieces: [], fromFile: true, again });
}

/** Absolute paths, and the passphrase in clear. */
interface TlsFiles {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
  readonly key_passphrase?: string | undefined;
}

interface TlsProblem {
  readonly option: keyof TlsFiles;
  readonly message: string;
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/gs;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
/** PKCS #8, and OpenSSL's older form. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED/m;

/** Checks the content of the files of a `tls` block, without a connection. Unreadable files are reported elsewhere. */
export function tlsProblems(files: TlsFiles): readonly TlsProblem[] {
  const problems: TlsProblem[] = [];
  const certificatesIn = (option: 'ca_file' | 'cert_file') => {
    const text = textOf(files[option]);
    const found = text === undefined ? undefined : certificates(text);
    if (text !== undefined && found === undefined) {
      problems.push({ option, message: `the file ${files[option]} contains no valid PEM certificate` });
    }
    return found;
  };
  certificatesIn('ca_file');
  const certificate = certificatesIn('cert_file')?.[0];
  const key = privateKey(files);
  if (key !== undefined && 'option' in key) problems.push(key);
  else if (key !== undefined && certificate !== undefined && !certificate.checkPrivateKey(key)) {
    problems.push({
      option: 'key_file',
      message: 'this key does not belong to the certificate in `cert_file`',
    });
  }
  return problems;
}

/** Undefined without certificates, and when one of them is damaged. */
function certificates(text: string): X509Certificate[] | undefined {
  const blocks = text.match(CERTIFICATE) ?? [];
  try {
    return blocks.length === 0 ? undefined : blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

function privateKey({ key_file, key_passphrase: passphrase }: TlsFiles): KeyObject | TlsProblem | undefined {
  const key = textOf(key_file);
  if (key === undefined) return undefined;
  if (!PRIVATE_KEY.test(key)) {
    return { option: 'key_file', message: `the file ${key_file} contains no PEM private key` };
  }
  const isEncrypted = ENCRYPTED.test(key);
  if (isEncrypted && passphrase === undefined) {
    return {
      option: 'key_file',
      message: 'this key is encrypted; set `key_passphrase`',
    };
  }
  try {
    return createPrivateKey({ key, ...(isEncrypted ? { passphrase } : {}) });
  } catch {
    // OpenSSL's message only says that the padding was wrong.
    return isEncrypted
      ? {
          option: 'key_passphrase',
          message: 'this passphrase does not decrypt the key in `key_file`',
        }
      : { option: 'key_file', message: `the private key in the file ${key_file} is damaged` };
  }
}

function textOf(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readRegularFile(file).toString('utf8');
  } catch {
    return undefined;
  }
}
