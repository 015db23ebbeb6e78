import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { serve, type SimulatedAnswer, type SimulatedRequest } from '../../../src/simulators/server.ts';
import { startProgram } from '../../support/cli.ts';

const AUDIT = new URL('audit.ts', import.meta.url).pathname;
const LOCK = new URL('../../../package-lock.json', import.meta.url);

/** Where npm asks for advisories; it takes every other answer for a registry without them. */
const ADVISORIES = '/-/npm/v1/security/advisories/bulk';

/** What npm asks: the versions of each package. */
type Question = Readonly<Record<string, readonly string[]>>;

/** Runs `npm run audit` against a registry on loopback that answers the question for advisories so. */
async function audit(answer: (question: Question) => SimulatedAnswer) {
  const questions: Question[] = [];
  const registered = ({ path, body, headers }: SimulatedRequest): SimulatedAnswer => {
    if (path !== ADVISORIES) return { status: 404, body: {} };
    const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    questions.push(JSON.parse(text.toString()) as Question);
    return answer(questions.at(-1) ?? {});
  };
  await using registry = await serve(registered, { clock: systemClock });
  const env = {
    npm_config_registry: registry.url,
    npm_config_noproxy: '127.0.0.1',
    npm_config_fetch_retries: '0',
    HOME: '/nonexistent',
  };
  const { code, stdout, stderr } = await startProgram([process.execPath, AUDIT], { env }).ended;
  return { code, stdout, stderr, questions };
}

/** An advisory as the registry of npm has it, about every version. */
function advisory(name: string): object {
  const id = 1_000_001;
  const url = `https://github.com/advisories/GHSA-${name}`;
  return {
    [name]: [
      { id, url, title: 'A test', severity: 'high', vulnerable_versions: '*', cwe: [], cvss: { score: 8 } },
    ],
  };
}

it('the audit fails where the registry knows an advisory about what is shipped, and names it', async () => {
  const { code, stdout, stderr } = await audit(() => ({ status: 200, body: advisory('undici') }));

  expect([code, stderr]).toEqual([1, '']);
  expect(stdout).toMatch(/^high: undici .*\n1 packages with known advisories\.\n$/);
});

it('the audit asks for every package that is shipped, in its version, and passes where none has an advisory', async () => {
  const { code, stdout, questions } = await audit(() => ({ status: 200, body: {} }));

  const { packages } = JSON.parse(await readFile(LOCK, 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>;
  };
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  const named = shipped.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);
  const asked = questions.flatMap((question) =>
    Object.entries(question).flatMap(([name, versions]) => versions.map((version) => `${name} ${version}`)),
  );
  expect([code, stdout]).toEqual([0, '0 packages with known advisories.\n']);
  expect(asked.length).toBeGreaterThan(20);
  expect(new Set(asked)).toEqual(new Set(named));
});

it.each([404, 405])('the audit says that it is skipped where the registry answers %i', async (status) => {
  const { code, stdout } = await audit(() => ({ status }));

  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(String.raw`^Skipped: the registry offers no audit \(${status} .*\)\.\n$`),
  );
});

it('the audit fails where the registry cannot say, and shows its answer', async () => {
  const { code, stderr } = await audit(() => ({ status: 500 }));

  expect(code).toBe(1);
  expect(stderr).toContain('The registry gave no answer to the audit: 500');
});
