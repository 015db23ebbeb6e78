import { expect, test } from 'vitest';
import { destinationTable, replicaTable, sourceTable } from '../../src/cli/status-table.ts';
import { parseSchedule } from '../../src/core/schedule.ts';
import { memoryJournal } from '../../src/journal/sqlite/memory.ts';
import { readStatus, storedReports } from '../../src/observe/status.ts';
import { load } from '../config/support/configuration.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const FIVE_MINUTES = 300_000;

const CONFIGURATION = `
state: STATE
destinations: { siem: { endpoint: http://127.0.0.1:4318 }, lake: { endpoint: http://127.0.0.1:4319 } }
sources:
  console: { type: acme-logins, base_url: https://a.test, token: token-of-a }
  attic: { type: acme-logins, base_url: https://b.test, token: token-of-b }
`;

async function statusOf(state: string) {
  const clock = new DrivenClock('2026-11-28T12:00:00Z');
  await using journal = memoryJournal(clock);
  const replicas = async () => [
    {
      id: '1',
      name: 'penstock-0',
      command: 'run',
      since: NOW - FIVE_MINUTES,
      sources: ['console'],
      destinations: [],
    },
    { id: '2', name: 'penstock-1', command: 'once', since: NOW, sources: [], destinations: ['siem'] },
  ];
  return await readStatus(
    { ...storesOf(journal), replicas },
    await load(CONFIGURATION.replace('STATE', state)),
    {
      now: NOW,
      reports: storedReports(new Map()),
      scheduleOf: ({ options }) => parseSchedule(options.schedule, options.timezone, () => 0),
    },
  );
}

function storesOf(journal: ReturnType<typeof memoryJournal>) {
  const { streams, coverage, gaps, sources, destinations, deadLetters } = journal;
  return { streams, coverage, gaps, sources, destinations, deadLetters, stats: () => journal.stats() };
}

test('a shared state shows which replica works on what', async () => {
  const status = await statusOf('{ postgres: { url: "postgres://ann@db.test/siem" } }');

  expect(status.replicas?.map(({ name }) => name)).toEqual(['penstock-0', 'penstock-1']);
  expect(status.sources.map(({ replica }) => replica)).toEqual(['penstock-0', undefined]);
  expect(status.destinations.map(({ replica }) => replica)).toEqual(['penstock-1', undefined]);
  expect(replicaTable(status.replicas ?? [], NOW)).toMatch(/penstock-0 +run +5m ago +1 +0\n/);
  expect(sourceTable(status, NOW)).toMatch(
    /console +acme-logins +penstock-0 .*\n *attic +acme-logins +none /,
  );
  expect(destinationTable(status, NOW)).toMatch(/siem +penstock-1 .*\n *lake +none /);
});

test('a state that one process holds names no replica', async () => {
  const status = await statusOf('{ path: ./state }');

  expect(status.replicas).toBeUndefined();
  expect(sourceTable(status, NOW)).not.toContain('replica');
  expect(destinationTable(status, NOW)).not.toContain('replica');
});
