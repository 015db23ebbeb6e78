import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewind as rewindConsole } from '../../src/sources/_qradar/schemas.ts';
import {
  type Cursor,
  dayOf,
  isRead,
  rewind as rewindAttacks,
  withRead,
} from '../../src/sources/petra-failed-attacks/schemas.ts';
import { rewind as rewindIncidents } from '../../src/sources/petra-incidents/schemas.ts';

const DAY = 86_400_000;
const time = fc.integer({ min: 0, max: 60 * DAY });

describe('rewind', () => {
  it('rewind never moves a console’s cursor forward, and claims to know nothing from before it', () => {
    fc.assert(
      fc.property(time, time, time, (next, known, to) => {
        const rewound = rewindConsole({ next, known, users: ['1'] }, to);

        expect(rewound).toEqual({ next: Math.min(next, to), known: Math.min(known, to), users: ['1'] });
      }),
    );
  });

  it('rewind never moves incidents forward, and keeps what is still being read', () => {
    fc.assert(
      fc.property(time, time, (since, to) => {
        const rest = { holes: [{ from: 1, to: 2 }], refresh: { ended: 3 }, unread: {}, outOfReach: {} };

        expect(rewindIncidents({ since, ...rest }, to)).toEqual({ since: Math.min(since, to), ...rest });
      }),
    );
  });

  it('rewind makes the days of failed attacks unread from then on, and no earlier one', () => {
    const days = fc.uniqueArray(fc.integer({ min: 20, max: 60 }), { maxLength: 20 });
    fc.assert(
      fc.property(days, time, (read, to) => {
        const fresh: Cursor = { from: 20, read: [], readAt: [], partialAt: 1 };
        const before = read.reduce((state, day) => withRead(state, day, day, 3), fresh);

        const after = rewindAttacks(before, to);

        for (let day = 0; day <= 61; day += 1)
          expect(isRead(after, day)).toBe(isRead(before, day) && day < dayOf(to));
        expect(after.from).toBe(Math.min(20, dayOf(to)));
        expect(after).not.toHaveProperty('partialAt');
      }),
    );
  });
});
