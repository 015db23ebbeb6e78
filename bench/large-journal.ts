/**
 * Measures what the journal answers with a very large backlog, whose pages are written into its database directly:
 *
 *     node bench/large-journal.ts --pages 1000000 --records 10 --bytes 600       # ten million records
 *     node bench/large-journal.ts --pages 20000 --records 500 --bytes 104000     # 2 GB
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import type { Journal } from '../src/journal/journal.ts';
import { openJournal } from '../src/journal/sqlite/open.ts';
import { progress } from './measure.ts';

const { values } = parseArgs({
  options: {
    pages: { type: 'string', default: '100000' },
    records: { type: 'string', default: '10' },
    bytes: { type: 'string', default: '600' },
  },
});
const [pages, records, bytes] = [Number(values.pages), Number(values.records), Number(values.bytes)];
const SOURCES = 10;
const MIB = 2 ** 20;
const path = await mkdtemp(join(tmpdir(), 'penstock-bench-'));

const options = { path: join(path, 'state'), maxBytes: 2 ** 40, retain: 0 };
try {
  await fill();
  await using journal = await timed('open', () => openJournal(options));
  await ask(journal);
  await drain(journal);
} finally {
  await rm(path, { recursive: true, force: true });
}

/** Writes pages that look like compressed ones: nothing here decodes them. */
async function fill(): Promise<void> {
  {
    await using journal = await openJournal(options);
    const source = { type: 't', origin: 'https://vendor.example.com', account: '', cursorVersion: 1 };
    for (let index = 0; index < SOURCES; index += 1)
      await journal.streams.open({ ...source, source: `source ${index}`, scope: `${index}` });
    await journal.destinations.open(['siem'], Date.now());
  }
  using database = new DatabaseSync(join(options.path, 'penstock.db'));
  database.exec('PRAGMA synchronous = OFF; BEGIN');
  const insert = database.prepare(
    `INSERT INTO page (stream, dataset, lane, count, observed_at, committed_at, bytes, records_before, bytes_before, records)
     VALUES (?, 'd', 'live', ?, ?, ?, ?, ?, ?, ?)`,
  );
  const content = Buffer.alloc(bytes, 0x12);
  const began = Date.now() - pages;
  for (let index = 0; index < pages; index += 1) {
    const [stream, at] = [1 + (index % SOURCES), began + index];
    insert.run(stream, records, at, at, bytes, index * records, index * bytes, content);
  }
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
  progress(`${pages * records} records in ${pages} pages: ${((await size()) / MIB).toFixed(0)} MiB`);
}

async function ask(journal: Journal): Promise<void> {
  const { destinations } = journal;
  const now = Date.now();
  const one = [`source ${SOURCES - 1}`];
  await timed('stats', () => journal.stats());
  await timed('waiting', () => destinations.waiting('siem'));
  await timed('waiting, one source', () => destinations.waiting('siem', one));
  await timed('oldest', () => destinations.oldestWaiting('siem'));
  await timed('beyond a size', () => destinations.backlogBeyond('siem', { bytes: 10 * MIB }, now));
  await timed('beyond a size, one source', () =>
    destinations.backlogBeyond('siem', { bytes: MIB }, now, one),
  );
  await timed('beyond an age', () => destinations.backlogBeyond('siem', { age: 1_000 }, now));
  await timed('read', () => journal.pages.read({ sequence: Math.floor(pages / 2), offset: 0 }));
}

async function drain(journal: Journal): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await timed('drain', async () => {
    let position = { sequence: 0, offset: 0 };
    for (let count = 1; ; count += 1) {
      const page = await journal.pages.read(position);
      if (page !== undefined) position = { sequence: page.sequence + 1, offset: 0 };
      if (page === undefined || count % 100 === 0)
        await journal.acknowledge('siem', { position, response: '200', now: Date.now() });
      if (page === undefined) return;
    }
  });
  delay.reset();
  await timed('trim', () => journal.trim(Date.now()));
  progress(`trim: event loop delay p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms`);
  progress(
    `${((await size()) / MIB).toFixed(0)} MiB, resident ${(process.memoryUsage().rss / MIB).toFixed(0)} MiB`,
  );
}

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  progress(`${name}: ${(performance.now() - began).toFixed(1)} ms`);
  return result;
}

async function size(): Promise<number> {
  const files = ['penstock.db', 'penstock.db-wal'].map((name) =>
    stat(join(options.path, name)).catch(() => undefined),
  );
  return (await Promise.all(files)).reduce((sum, file) => sum + (file?.size ?? 0), 0);
}
