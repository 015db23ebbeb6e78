import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseJson } from '../../src/core/json.ts';
import { serve } from '../../src/simulators/server.ts';
import type { Source } from '../../src/core/source.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { testPipeline } from '../support/test-pipeline.ts';
import { compileDefinition } from '../../src/sources/_declarative/compile.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { answerOf, declarativeHarness } from './declarative-harness.ts';
import type { SourceHarness } from './harness.ts';

/** What the contract must know of a source. */
export async function harnessOf(source: Source): Promise<SourceHarness> {
  const folder = folderOf(source);
  if (existsSync(new URL('source.yaml', folder))) return declarativeHarness(folder, DECLARATIVE_NOW);
  return ((await import(`./${source.id}/harness.ts`)) as { harness: SourceHarness }).harness;
}

/** The fixtures of declarative sources are settled and new then. */
const DECLARATIVE_NOW = '2026-03-02T12:00:00Z';

const SAMPLE = new URL('../support/sample-definition/', import.meta.url);

/** All source types, and a definition that is not shipped. */
export async function sourcesUnderContract(): Promise<readonly Source[]> {
  const file = new URL('source.yaml', SAMPLE);
  const sample = compileDefinition(readFileSync(file, 'utf8'), file.pathname);
  return [...(await loadSources()).values(), sample];
}

/** The folder of a source. */
export function folderOf({ id }: Pick<Source, 'id'>): URL {
  return id === 'sample-definition' ? SAMPLE : new URL(`../../src/sources/${id}/`, import.meta.url);
}

export function fixturesOf(source: Pick<Source, 'id'>): URL {
  return new URL('fixtures/', folderOf(source));
}

/** The names of a source's examples. */
export function casesOf(source: Source): string[] {
  const golden = /^(.+)\.ecs\.json$/;
  if (!existsSync(fixturesOf(source))) return [];
  return readdirSync(fixturesOf(source)).flatMap((file) => golden.exec(file)?.[1] ?? []);
}

/** An example: of a definition that is shipped, an answer of the fixture with its name. */
export function exampleOf(source: Source, name = casesOf(source)[0] ?? ''): { name: string; body: unknown } {
  const fixture = new URL(`${name}.yaml`, fixturesOf(source));
  if (existsSync(fixture)) return { name, body: answerOf(folderOf(source), fixture) };
  return { name, body: parseJson(readFileSync(new URL(`${name}.json`, fixturesOf(source)), 'utf8')) };
}

/** A lab against a vendor that answers everything as scripted. */
export async function against(source: Source, answer: Parameters<typeof serve>[0]) {
  const { config, now } = await harnessOf(source);
  const clock = new DrivenClock(now);
  const vendor = await serve(answer, { clock });
  return { vendor, clock, lab: testPipeline({ source, vendor, clock, config }) };
}
