/**
 * Prints the bill of materials of Penstock (`npm run sbom`, CycloneDX): every package that is installed with it. That is
 * npm's own without what npm marks as needed for development only, because `npm sbom --omit dev` leaves out packages that
 * Penstock and its tests both need.
 */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

/** The parts of a bill that are used here. */
interface Bill {
  readonly metadata: { readonly component: object };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

interface Component {
  readonly 'bom-ref': string;
  readonly properties?: readonly { readonly name: string }[];
}

/** The property of a package that is needed for development only (npm's manual, `npm sbom`). */
const DEVELOPMENT = 'cdx:npm:package:development';

const { name } = JSON.parse(await readFile(join(import.meta.dirname, 'package.json'), 'utf8')) as {
  readonly name: string;
};
const { stdout, stderr, status, error } = spawnSync(
  'npm',
  ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application'],
  { cwd: import.meta.dirname, encoding: 'utf8' },
);
if (status !== 0) throw error ?? new Error(`npm sbom ended with ${status}: ${stderr}`);
const { metadata, components, dependencies, ...bill } = JSON.parse(stdout) as Bill;
const left = components.filter(({ properties = [] }) => properties.some((one) => one.name === DEVELOPMENT));
const leftOut = new Set(left.map((one) => one['bom-ref']));
const shipped = {
  ...bill,
  // npm names it after the folder.
  metadata: { ...metadata, component: { ...metadata.component, name } },
  components: components.filter((one) => !leftOut.has(one['bom-ref'])),
  dependencies: dependencies
    .filter(({ ref }) => !leftOut.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => !leftOut.has(one)) })),
};
process.stdout.write(`${JSON.stringify(shipped, null, 2)}\n`);
