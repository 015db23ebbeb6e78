import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseJson } from '../../src/core/json.ts';
import { serve } from '../../src/simulators/server.ts';
import type { Source } from '../../src/core/source.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { testPipeline } from '../support/test-pipeline.ts';
import type { SourceHarness } from './harness.ts';

/** What the contract must know of a source. */
export async function harnessOf({ id }: Source): Promise<SourceHarness> {
  return ((await import(`./${id}/harness.ts`)) as { harness: SourceHarness }).harness;
}

export function fixturesOf({ id }: Source): URL {
  return new URL(`../../src/sources/${id}/fixtures/`, import.meta.url);
}

/** The names of a source's examples. */
export function casesOf(source: Source): string[] {
  const golden = /^(.+)\.ecs\.json$/;
  if (!existsSync(fixturesOf(source))) return [];
  return readdirSync(fixturesOf(source)).flatMap((file) => golden.exec(file)?.[1] ?? []);
}

export function exampleOf(source: Source, name = casesOf(source)[0] ?? ''): { name: string; body: unknown } {
  return { name, body: parseJson(readFileSync(new URL(`${name}.json`, fixturesOf(source)), 'utf8')) };
}

/** A lab against a vendor that answers everything as scripted. */
export async function against(source: Source, answer: Parameters<typeof serve>[0]) {
  const { config, now } = await harnessOf(source);
  const clock = new DrivenClock(now);
  const vendor = await serve(answer, { clock });
  return { vendor, clock, lab: testPipeline({ source, vendor, clock, config }) };
}
