import type { Journal, PageCommit } from '../../../src/journal/journal.ts';
import { replaced } from './instrument.ts';
import type { BrokenOrder } from './steps.ts';

/** A journal that commits in an order which breaks a guarantee, so that a test can see that the kill matrix notices. */
export function brokenJournal(journal: Journal, order: BrokenOrder): Journal {
  return BREAK[order](journal);
}

const BREAK: Readonly<Record<BrokenOrder, (journal: Journal) => Journal>> = {
  'cursor first': (journal) =>
    replaced(journal, { commit: (page) => inTwo(journal, withoutRecords(page), onlyRecords(page)) }),
  'records first': (journal) =>
    replaced(journal, { commit: (page) => inTwo(journal, onlyRecords(page), withoutRecords(page)) }),
  'acknowledged first': acknowledgedFirst,
};

/** A page in two transactions: what comes between them is lost, or known to nobody. */
async function inTwo(journal: Journal, first: PageCommit, second: PageCommit): Promise<void> {
  await journal.commit(first);
  await journal.commit(second);
}

function withoutRecords(page: PageCommit): PageCommit {
  return { ...page, records: [] };
}

function onlyRecords({ stream, source, observedAt, lane, records }: PageCommit): PageCommit {
  return { stream, source, observedAt, ...(lane && { lane }), ...(records && { records }) };
}

/** Delivery moves the position when it reads a page, not when the destination has it. */
function acknowledgedFirst(journal: Journal): Journal {
  const pages = replaced(journal.pages, {
    async read(position) {
      const page = await journal.pages.read(position);
      if (page !== undefined) {
        const behind = { position: { sequence: page.sequence + 1, offset: 0 }, response: 'none', now: 0 };
        for (const { name } of await journal.destinations.all()) await journal.acknowledge(name, behind);
      }
      return page;
    },
  });
  return replaced(journal, { pages });
}
