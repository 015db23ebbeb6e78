/**
 * Asks the registry for known advisories about the packages that are shipped (`npm run audit`). Exit 1 when there are some,
 * and when the registry fails; where it offers no advisories, that is said.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** The parts that are used here of what `npm audit --json` prints. */
interface Audit {
  /** Why there is no report, and the status of the registry's answer. */
  readonly message?: string;
  readonly statusCode?: number;
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
}

/** What registries answer that know no advisories. */
const NOT_OFFERED: readonly (number | undefined)[] = [404, 405];

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
if (error !== undefined) throw error;
const { message, statusCode, vulnerabilities } = JSON.parse(stdout) as Audit;
if (vulnerabilities === undefined && NOT_OFFERED.includes(statusCode)) {
  process.stdout.write(`Skipped: the registry offers no audit (${message}).\n`);
} else if (vulnerabilities === undefined) {
  process.stderr.write(`The registry gave no answer to the audit: ${message}\n`);
  process.exitCode = 1;
} else {
  const found = Object.entries(vulnerabilities);
  for (const [name, { severity, range }] of found) process.stdout.write(`${severity}: ${name} ${range}\n`);
  process.stdout.write(`${found.length} packages with known advisories.\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
