import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MIGRATIONS } from '../../../src/journal/sqlite/schema.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { KEY, letters, page, records, STREAM } from './commits.ts';

/**
 * Writes a state of the current schema version to `fixtures/v<N>/`, something in every table. Run it once, with
 * `npm run generate:state`, before a version is released; released fixtures are never written again.
 */
const clock = new DrivenClock();
const now = clock.now();
const path = new URL(`../fixtures/v${MIGRATIONS.length}`, import.meta.url).pathname;
await rm(path, { recursive: true, force: true });
await mkdir(path, { recursive: true });

{
  await using journal = await openJournal({ path, maxBytes: 2 ** 30, retain: 0, clock });
  const { source: name, type, origin, account } = STREAM;
  await journal.sources.open([{ name, type, origin, account }]);
  await journal.streams.open(STREAM);
  await journal.destinations.open(['siem'], now);
  await journal.commit(
    page({
      observedAt: now,
      records: records(3),
      ledger: [{ key: 'key', at: now, uid: 'uid', value: { count: 2n ** 64n } }],
      cursor: { from: now },
      covered: { from: now - 4_800_000, to: now },
      gaps: [{ from: 1, to: 2, part: 'tenant', reason: 'page-limit' }],
      deferred: 2,
    }),
  );
  const poll = {
    stream: KEY,
    source: name,
    at: now,
    durationMs: 12.5,
    requests: 3,
    rows: 3,
    new: 3,
    changed: 0,
  };
  await journal.polls.record({ ...poll, outcome: 'UnavailableError', error: 'No answer.' });
  await journal.acknowledge('siem', {
    position: { sequence: 1, offset: 2 },
    response: '200',
    now,
    deadLetters: letters(1, 'refused'),
  });
  await journal.destinations.skip(
    'siem',
    {
      position: { sequence: 1, offset: 2 },
      missed: { from: 1, to: 2, events: 1, sources: { [name]: 1 } },
      deadLetters: [],
    },
    now,
  );
  await journal.destinations.setPaused('siem', '401', now);
  await journal.sources.setNextDue(name, now + 60_000);
  await journal.quotas.spend('quota', { requests: 2, per: 60_000 }, now);
  await journal.quotas.pause('paused', now + 60_000);
}

// Opening the fixture creates the lock again.
await rm(join(path, 'penstock.lock'));
