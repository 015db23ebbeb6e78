import { describe, expect, it } from 'vitest';
import { runCell } from './cell.ts';
import { JOURNALS } from './journals.ts';
import { problemsOf } from './matrix.ts';
import { BROKEN_ORDERS } from './steps.ts';
import { SUBJECTS } from '../subjects/subjects.ts';

const [subject] = SUBJECTS;

/** Where each broken order shows: between its two transactions, or between position and request. */
const POINT = {
  'cursor first': { step: 'commit', phase: 'after' },
  'records first': { step: 'commit', phase: 'after' },
  'acknowledged first': { step: 'send', phase: 'before' },
} as const;

describe.each(JOURNALS)('on $name', (journal) => {
  it.skipIf(journal.missing).concurrent.each(BROKEN_ORDERS)(
    'the kill matrix notices a commit order that is broken: %s',
    async (order) => {
      if (subject === undefined) throw new Error('there is no source');

      const sound = await runCell(subject, POINT[order], { seed: 1, journal });
      const broken = await runCell(subject, POINT[order], { seed: 1, journal, broken: order });

      expect(problemsOf(sound)).toEqual([]);
      expect(broken.kills).toBeGreaterThan(0);
      expect(problemsOf(broken).join(' ')).toMatch(
        order === 'records first' ? /repeats that differ/ : /lost records/,
      );
    },
  );
});
