import { readFile } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { startProgram } from '../../support/cli.ts';

const REPOSITORY = new URL('../../..', import.meta.url).pathname;

/** What CycloneDX 1.5 wants of a component, and what we want of ours besides (https://cyclonedx.org/docs/1.5/json/). */
const component = z.object({
  type: z.enum(['library', 'application']),
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  purl: z.string().regex(/^pkg:npm\/(?:%40[\w.-]+\/)?[\w.-]+@[\w.-]+$/),
  'bom-ref': z.string().min(1),
  licenses: z
    .array(
      z.union([
        z.object({ license: z.object({ id: z.string().min(1) }) }),
        z.object({ expression: z.string().min(1) }),
      ]),
    )
    .min(1),
});
const sbomSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.5'),
  serialNumber: z.string().regex(/^urn:uuid:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/),
  version: z.int().min(1),
  metadata: z.object({ timestamp: z.iso.datetime(), component }),
  components: z.array(component).min(1),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
});

let sbom: z.output<typeof sbomSchema>;

beforeAll(async () => {
  // The whole environment: it says where this machine's npm is.
  const options = { cwd: REPOSITORY, env: process.env as Record<string, string> };
  const { code, stdout, stderr } = await startProgram(['npm', 'run', '--silent', 'sbom'], options).ended;
  if (code !== 0) throw new Error(`npm run sbom ended with ${code}:\n${stderr}`);
  sbom = sbomSchema.parse(JSON.parse(stdout));
});

const nameOf = ({ purl }: { readonly purl: string }) =>
  decodeURIComponent(purl.replace('pkg:npm/', '').replace(/@([^@]+)$/, ' $1'));

it('the bill of materials is valid CycloneDX 1.5, and each of its references leads to a component', () => {
  const { metadata, components, dependencies } = sbom;
  const refs = [metadata.component, ...components].map((one) => one['bom-ref']);

  expect(nameOf(metadata.component)).toMatch(/^penstock \d+\.\d+\.\d+$/);
  expect(new Set(refs).size).toBe(refs.length);
  expect(new Set(dependencies.map(({ ref }) => ref))).toEqual(new Set(refs));
  expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.includes(ref))).toEqual([]);
});

it('the bill of materials has every package of which the bundle has a part, with version and licence', async () => {
  const licences = await readFile(`${REPOSITORY}dist/LICENSES.txt`, 'utf8');
  const bundled = [...licences.matchAll(/^((?:@[\w.-]+\/)?[\w.-]+ \d+\.\d+\.\d+\S*) \(.+\)$/gm)].map(
    ([, one]) => one,
  );

  expect(bundled.length).toBeGreaterThan(20);
  const listed = new Set(sbom.components.map(nameOf));
  expect(bundled.filter((one) => !listed.has(one ?? ''))).toEqual([]);
});

it('the bill of materials has every package that is installed with Penstock, and none that only builds or tests it', async () => {
  const { packages } = JSON.parse(await readFile(`${REPOSITORY}package-lock.json`, 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>;
  };
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  const names = shipped.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);

  expect(new Set(sbom.components.map(nameOf))).toEqual(new Set(names));
});
