/** What a written `docker run` asks for. */
export interface DockerRun {
  readonly args: readonly string[];
  /** Names of variables that are passed on. */
  readonly env: readonly string[];
  /** `source:path[:ro]`, the source being a volume's name or a host's path. */
  readonly volumes: readonly string[];
  readonly readOnly: boolean;
}

/** Reads a `docker run` line of the documents. Throws at an option that the tests do not know how to honour. */
export function parseDockerRun(line: string): DockerRun {
  const words = line.replaceAll('"', '').split(/\s+/).slice(2);
  const read = { args: [] as string[], env: [] as string[], volumes: [] as string[], readOnly: false };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--volume') read.volumes.push(words.shift() ?? '');
    else if (word === '--env') read.env.push(words.shift() ?? '');
    else if (word === '--name') words.shift();
    else if (word === '--read-only') read.readOnly = true;
    else if (word === 'penstock') read.args.push(...words.splice(0));
    else if (!['--rm', '--detach'].includes(word)) throw new Error(`${word} is not known: ${line}`);
  }
  return read;
}
