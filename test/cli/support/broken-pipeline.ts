import process from 'node:process';
import { parseArgs } from 'node:util';
import { openApp } from '../../../src/runtime/app.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { EncodedRecords, JournaledEvent } from '../../../src/core/event.ts';
import type { Journal, PageCommit } from '../../../src/journal/journal.ts';
import { runLoops } from '../../../src/runtime/loops.ts';
import { once } from '../../../src/runtime/once.ts';
import { loadSources } from '../../../src/sources/registry.ts';
import { createLogger } from '../../../src/observe/log.ts';
import { decoded, encoded } from '../../support/records.ts';

/** Ways to break the promise between a page and its journal, or between the journal and a request. */
const WAYS: Readonly<Record<string, (journal: Journal) => Partial<Journal>>> = {
  // The cursor goes on past an event that is nowhere.
  loses: (journal) => ({
    commit: (page) => journal.commit({ ...page, records: reencoded(page, (events) => events.slice(1)) }),
  }),
  // One event is told under two ids.
  doubles: (journal) => ({
    commit: (page) =>
      journal.commit({
        ...page,
        records: reencoded(page, (events) =>
          events.flatMap((one, index) => (index === 0 ? [one, { ...one, uid: `${one.uid}-again` }] : [one])),
        ),
      }),
  }),
  // What is sent again says who sends it.
  alters: (journal) => ({
    pages: {
      newest: () => journal.pages.newest(),
      changed: (signal, position) => journal.pages.changed(signal, position),
      async read(position) {
        const page = await journal.pages.read(position);
        if (page === undefined) return undefined;
        const events = decoded(page).map((one) => ({
          ...one,
          event: { ...one.event, message: `process ${process.pid}` },
        }));
        const [altered] = encoded(events, page.observedAt);
        return altered && { ...page, bytes: altered.bytes };
      },
    },
  }),
};

function reencoded(
  { records = [], observedAt }: PageCommit,
  change: (events: readonly JournaledEvent[]) => readonly JournaledEvent[],
): readonly EncodedRecords[] {
  return encoded(change(records.flatMap(decoded)), observedAt);
}

/** A journal that does some of it in its own way. */
function overridden(journal: Journal, own: Partial<Journal>): Journal {
  return new Proxy(journal, {
    get(target, name) {
      if (name in own) return Reflect.get(own, name) as unknown;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** `node broken-pipeline.ts WAY,WAY once|run --config FILE`: Penstock, with its promise broken in these ways. */
async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string' }, deadline: { type: 'string' } },
  });
  const [ways = '', mode] = positionals;
  const broken = (journal: Journal) =>
    ways.split(',').reduce((before, way) => overridden(before, WAYS[way]?.(before) ?? {}), journal);
  const file = values.config;
  const config = await loadConfig({ file, env: {}, types: await loadSources(), cwd: process.cwd() });
  const never = new AbortController().signal;
  await using app = await openApp({
    config,
    env: {},
    clock: systemClock,
    random: Math.random,
    log: await createLogger({ ...config.log, stream: process.stderr }),
    mode: mode === 'run' ? 'run' : 'once',
    collecting: never,
    delivering: never,
    instrument: { journal: broken },
  });
  await (mode === 'run' ? runLoops(app) : once(app));
}

await main();
