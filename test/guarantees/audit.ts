/** Asks the registry for known advisories about the packages that are shipped (`npm run audit`). Says why where it offers none. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** The parts that are used here of what `npm audit --json` prints. */
interface Audit {
  /** Why there is no report. */
  readonly message?: string;
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
}

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
if (error !== undefined) throw error;
const { message, vulnerabilities } = JSON.parse(stdout) as Audit;
if (vulnerabilities === undefined) {
  process.stdout.write(`Skipped: the registry offers no audit (${message}).\n`);
} else {
  const found = Object.entries(vulnerabilities);
  for (const [name, { severity, range }] of found) process.stdout.write(`${severity}: ${name} ${range}\n`);
  process.stdout.write(`${found.length} packages with known advisories.\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
