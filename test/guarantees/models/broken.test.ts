import { expect, it } from 'vitest';
import type { Observation, Source } from '../../../src/core/source.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { brokenJournal } from '../kills/broken-order.ts';
import { replaced } from '../kills/instrument.ts';
import { modelCheck } from './check.ts';
import { CONSOLES } from './consoles.ts';
import type { Flaw } from './penstock.ts';
import type { Subject } from './subject.ts';
import { WINDOWS } from './windows.ts';

/** Histories until a flaw is found, at most. */
const RUNS = 300;

const SUBJECTS: readonly Subject[] = [CONSOLES[0], WINDOWS[0]].filter((one) => one !== undefined);

const FLAWS: Readonly<Record<string, Flaw>> = {
  'a cursor that passes ties': { source: pastTies },
  'a window that ends now, where records come late': { config: { settle: '0s', overlap: '0s' } },
  'a ledger that forgets': { journal: forgetful },
  'a cursor that is committed before its records': {
    journal: (journal) => brokenJournal(journal, 'cursor first'),
  },
  'records that are committed before their cursor': {
    journal: (journal) => brokenJournal(journal, 'records first'),
  },
};

/** The next page of a poll begins behind the time at which this one ends. */
function pastTies(source: Source): Source {
  return {
    ...source,
    async *poll(...given) {
      let last: number | undefined;
      for await (const page of source.poll(...given)) {
        const passed = last;
        const observations = page.observations.filter(({ at }: Observation) => at !== passed);
        yield { ...page, observations };
        last = page.observations.at(-1)?.at;
      }
    },
  };
}

function forgetful(journal: Journal): Journal {
  return replaced(journal, { ledger: replaced(journal.ledger, { lookup: async () => new Map() }) });
}

it.each(
  SUBJECTS.flatMap((subject) =>
    Object.entries(FLAWS).map(([name, flaw]) => ({ name, flaw, source: subject.name, subject })),
  ),
)('$name is noticed in $source', { timeout: 600_000 }, async ({ subject, flaw }) => {
  await expect(modelCheck(subject, { runs: RUNS, flaw })).rejects.toThrow('Counterexample');
});
