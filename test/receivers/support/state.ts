import type { JournaledEvent } from '../../../src/core/event.ts';
import type { HeldDeadLetter } from '../../../src/journal/delivery.ts';
import { openJournalReadOnly } from '../../../src/journal/sqlite/open.ts';
import { decoded } from '../../support/records.ts';

/** Every event that a state directory still holds, in order; delivered ones are retained for a day. */
export async function journaled(path: string): Promise<readonly JournaledEvent[]> {
  await using journal = await openJournalReadOnly(path);
  const events: JournaledEvent[] = [];
  for (let sequence = 0; ; sequence += 1) {
    const page = await journal.pages.read({ sequence, offset: 0 });
    if (page === undefined) return events;
    events.push(...decoded(page));
    sequence = page.sequence;
  }
}

export async function deadLetters(path: string): Promise<readonly HeldDeadLetter[]> {
  await using journal = await openJournalReadOnly(path);
  return journal.deadLetters.of();
}
