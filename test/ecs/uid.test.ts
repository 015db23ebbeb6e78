import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countUid, creationUid, digest, updateUid } from '../../src/ecs/uid.ts';

const stream = { type: 'petra-incidents', scope: 't-1', origin: 'https://api.example.com', account: '' };

describe('digest', () => {
  it('a digest differs whenever its parts differ, even when their texts joined would be equal', () => {
    const parts = fc.array(fc.string({ maxLength: 3 }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);

        expect(digest(...one) === digest(...other)).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  it('a digest is the same in every process and release', () => {
    expect(creationUid(stream, 'INC-1')).toMatchInlineSnapshot(`"57a8dbc22aefce65c88443c5b3665c4df449a0d4"`);
  });
});

describe('ids', () => {
  it('the id of a new entity depends on type, origin, account, scope and key alone', () => {
    const ids = [
      creationUid(stream, 'INC-1'),
      creationUid(stream, 'INC-2'),
      creationUid({ ...stream, scope: 't-2' }, 'INC-1'),
      creationUid({ ...stream, origin: 'https://other.example.com' }, 'INC-1'),
      creationUid({ ...stream, account: 'acme' }, 'INC-1'),
      creationUid({ ...stream, account: 't-1', scope: 'INC-1' }, 'INC-1'),
      creationUid({ ...stream, type: 'petra-failed-attacks' }, 'INC-1'),
    ];

    expect(new Set(ids).size).toBe(ids.length);
    expect(creationUid({ ...stream }, 'INC-1')).toBe(ids[0]);
  });

  it('the ids of updates from A to B and back to A all differ', () => {
    const first = creationUid(stream, 'INC-1');
    const there = updateUid(stream, 'INC-1', { changed: { status: 'B' }, previous: first });
    const back = updateUid(stream, 'INC-1', { changed: { status: 'A' }, previous: there });
    const again = updateUid(stream, 'INC-1', { changed: { status: 'B' }, previous: back });

    expect(new Set([first, there, back, again]).size).toBe(4);
  });

  it('the id of an update does not depend on the order of the fields', () => {
    const one = updateUid(stream, 'INC-1', { changed: { a: 1, b: 2 }, previous: 'p' });

    expect(updateUid(stream, 'INC-1', { changed: { b: 2, a: 1 }, previous: 'p' })).toBe(one);
  });

  it('the id of a counter depends on count, base, final and the event before it', () => {
    const counted = { count: 5, base: 2, final: false, previous: 'p' };
    const ids = [
      counted,
      { ...counted, count: 6 },
      { ...counted, base: 3 },
      { ...counted, final: true },
      { ...counted, previous: 'q' },
    ];

    expect(new Set(ids.map((one) => countUid(stream, 'k', one))).size).toBe(ids.length);
  });
});
