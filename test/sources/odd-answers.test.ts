import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/core/event.ts';
import { UnexpectedAnswerError } from '../../src/core/errors.ts';
import { toJson } from '../../src/core/json.ts';
import type { SimulatedAnswer } from '../../src/simulators/server.ts';
import type { Source } from '../../src/core/source.ts';
import { drive, failure } from '../http/support/rig.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { against, exampleOf, harnessOf, sourcesUnderContract } from './examples.ts';
import type { Place } from './harness.ts';

const sources = await sourcesUnderContract();

/** A copy of the body with another value at a place; without one, the place is removed. */
function changed(body: unknown, place: Place, change?: (value: unknown) => unknown): unknown {
  const [step, ...rest] = place;
  if (step === undefined) return change?.(body);
  const copy: unknown = Array.isArray(body) ? [...(body as unknown[])] : { ...(body as object) };
  const members = copy as Record<string | number, unknown>;
  if (rest.length === 0 && change === undefined) delete members[step];
  else members[step] = changed(members[step], rest, change);
  return copy;
}

function replaced(body: unknown, place: Place, value: unknown): unknown {
  return changed(body, place, () => value);
}

/** Polls once with this body as what the vendor has. */
async function poll(source: Source, body: unknown): Promise<readonly EcsEvent[]> {
  return await pollAnswering(source, () => ({ status: 200, body }));
}

/** Polls once; `main` answers the route that the records come from. */
async function pollAnswering(source: Source, main: () => SimulatedAnswer): Promise<readonly EcsEvent[]> {
  const { answer } = await harnessOf(source);
  const example = exampleOf(source);
  const { vendor, clock, lab } = await against(source, (request) => {
    const plain = answer(request, example);
    return plain.body === example.body ? main() : plain;
  });
  await using _ = vendor;
  await drive(clock, lab.once());
  return lab.events.map(({ event }) => event);
}

/** What an event may say otherwise when one of its values is odd: what is made of that value, and what names it. */
const MADE = new Set([
  'message',
  'event.id',
  'event.original',
  'error.message',
  'related.ip',
  'related.user',
]);
/** Fields that say another thing where a value is unknown, by the vendor's name of the value. */
const DERIVED: Readonly<Record<string, string>> = {
  'event.severity': 'remediationStatus',
  'event.outcome': 'attempt_result',
};

/** Fields of an event that no plain one has so. */
function strange(event: EcsEvent, plain: EcsEvent, field: string): string[] {
  return Object.entries(event).flatMap(([name, value]) => {
    const same = toJson(value) === toJson(plain[name]) || MADE.has(name) || DERIVED[name] === field;
    const fewer = Array.isArray(value) && value.every((one) => (plain[name] as unknown[]).includes(one));
    return same || fewer ? [] : [`${name}: ${toJson(value)}`];
  });
}

describe.each(sources.map((source) => [source.id, source] as const))('%s', (_id, source) => {
  it('an odd optional value is left out of its field and named, and the rest is emitted', async () => {
    const { odd } = await harnessOf(source);
    const { body } = exampleOf(source);
    const plain = await poll(source, body);
    const cases = odd.flatMap(([place, ...values]) => values.map((value) => [place, value] as const));
    expect(cases.length).toBeGreaterThan(0);

    for (const [place, value] of cases) {
      const field = String(place.findLast((step) => typeof step === 'string'));
      const emitted = await poll(source, replaced(body, place, value));
      const of = `${place.join('.')} = ${toJson(value)}`;

      expect(emitted.length, of).toBe(plain.length);
      const named = emitted.filter((event) => event['error.message'] !== undefined);
      expect(named.length, of).toBeGreaterThan(0);
      for (const event of named) {
        expect(event['error.message'], of).toContain(field);
        expect(event['event.original'], of).toContain(toJson(value));
      }
      for (const [index, event] of emitted.entries()) {
        expect(strange(event, plain[index] ?? {}, field), of).toEqual([]);
        expect(event['event.kind'], of).toBe(source.categorisation.kind);
        expect(event['event.severity'] === undefined, of).toBe(
          plain[index]?.['event.severity'] === undefined,
        );
        expect(ecsProblems(event), of).toEqual([]);
      }
    }
  });

  it('a malformed record is recognised by its id, and emitted again only when a compared value changes', async () => {
    const { answer, identified } = await harnessOf(source);
    if (identified === undefined) return;
    const { at, breaks, moves, changes } = identified;
    const example = exampleOf(source);
    let record: Readonly<Record<string, unknown>> = breaks;
    const merged = (value: unknown) => ({ ...(value as object), ...record });
    const { vendor, clock, lab } = await against(source, (request) => {
      const plain = answer(request, example);
      return plain.body === example.body ? { ...plain, body: changed(example.body, at, merged) } : plain;
    });
    await using _ = vendor;
    const emitted = async (more: Readonly<Record<string, unknown>>) => {
      const before = lab.events.length;
      record = { ...record, ...more };
      clock.jump(1_200_000);
      await drive(clock, lab.once());
      return lab.events.slice(before).map(({ event }) => event['event.kind']);
    };

    expect(await emitted({})).toContain('pipeline_error');
    const asked = vendor.requests.length;
    for (const more of moves) expect(await emitted(more)).toEqual([]);
    expect(vendor.requests.length).toBeGreaterThan(asked);
    expect(await emitted(changes)).toEqual(['pipeline_error']);
    expect(await emitted({})).toEqual([]);
  });

  it('a list that is null, or left out where it may be, is empty, and the rest of the answer is read', async () => {
    const { lists } = await harnessOf(source);
    const { body } = exampleOf(source);
    const plain = await poll(source, body);

    for (const place of lists.main === undefined ? [] : [lists.main])
      expect(await poll(source, replaced(body, place, null))).toEqual([]);
    for (const place of lists.optional ?? [])
      for (const without of [changed(body, place), replaced(body, place, null)]) {
        const emitted = await poll(source, without);
        expect(emitted.length).toBeLessThan(plain.length);
        expect(plain).toEqual(expect.arrayContaining([...emitted]));
        expect(emitted.length).toBeGreaterThan(0);
      }
  });

  it.each([204, 205])('an answer %d, which has no content, is empty', async (status) => {
    const emitted = await pollAnswering(source, () => ({ status }));

    // A count of a whole span says that it is 0.
    expect(emitted.filter((event) => Object.entries(event).some(isCounted))).toEqual([]);
    expect(emitted.filter((event) => event['event.kind'] === 'pipeline_error')).toEqual([]);
  });

  it('a poll fails when an answer lacks its main list, or has an error beside it', async () => {
    const { lists } = await harnessOf(source);
    const { body } = exampleOf(source);
    const beside = Array.isArray(body) ? { rows: body } : (body as object);
    const failed: unknown[] = [
      {},
      { ...beside, error: { code: 'PARTIAL', message: 'Not all of it.' } },
      { ...beside, error: 'No.' },
    ];
    if (lists.main !== undefined && lists.main.length > 0) failed.push(changed(body, lists.main));

    for (const one of failed) expect(await failure(poll(source, one))).toBeInstanceOf(UnexpectedAnswerError);
    for (const fine of Array.isArray(body) ? [] : [{ ...beside, error: null }])
      expect(await poll(source, fine)).not.toEqual([]);
  });
});

function isCounted([name, value]: readonly [string, unknown]): boolean {
  return name.endsWith('.count') && !name.endsWith('interval.count') && value !== 0;
}
