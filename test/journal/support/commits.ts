import type { EncodedRecords, JournaledEvent } from '../../../src/core/event.ts';
import type { DeadLetter, JournalPage } from '../../../src/journal/delivery.ts';
import type { Journal, PageCommit } from '../../../src/journal/journal.ts';
import type { StreamIdentity } from '../../../src/journal/collection.ts';
import { decoded, encoded, encodedAlone } from '../../support/records.ts';

export const STREAM: StreamIdentity = {
  source: 'console',
  type: 'qradar-login-attempts',
  origin: 'https://qradar.example.com',
  account: '',
  scope: '',
  cursorVersion: 1,
};

export const KEY = 'qradar-login-attempts|https://qradar.example.com|';

/** Events whose uids say which they are. */
export function events(count: number, name = 'event'): readonly JournaledEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    uid: `${name}-${index}`,
    event: {
      '@timestamp': '2026-03-02T12:00:00.000Z',
      'event.dataset': 'qradar.login_attempts',
      'user.id': `${index}`,
    },
  }));
}

/** The records of such events. */
export function records(count: number, name?: string): readonly EncodedRecords[] {
  return encoded(events(count, name));
}

/** Dead letters of such events. */
export function letters(count: number, reason: string): readonly DeadLetter[] {
  const place = { stream: KEY, dataset: 'd', lane: 'live' as const, observedAt: 4, status: 400, at: 5 };
  return events(count).map((event) => ({ ...place, uid: event.uid, record: encodedAlone(event), reason }));
}

/** The uid of the first record of a page. */
export function firstUid(page: JournalPage | undefined): string | undefined {
  return page && decoded(page)[0]?.uid;
}

/** A page whose bytes are compared whatever view holds them. */
export function comparable(page: JournalPage | undefined) {
  return page && { ...page, bytes: Buffer.from(page.bytes) };
}

/** A page that changes nothing, but for what is given. */
export function page(changes: Partial<PageCommit> = {}): PageCommit {
  return {
    stream: KEY,
    source: 'console',
    observedAt: 0,
    ...changes,
  };
}

/** The uids of everything that is held from the start on, in order. */
export async function held(journal: Pick<Journal, 'pages'>, offset = 0): Promise<readonly string[]> {
  const uids: string[] = [];
  let position = { sequence: 0, offset };
  for (;;) {
    const next = await journal.pages.read(position);
    if (next === undefined) return uids;
    uids.push(...decoded(next).map(({ uid }) => uid));
    position = { sequence: next.sequence + 1, offset: 0 };
  }
}
