/**
 * Runs Penstock between vendors, receivers and a database that send it elsewhere, and prints what it connected to as JSON.
 * A program of its own, so that a test can run it where there is no network: `node origins-trace.ts SQLite|PostgreSQL`.
 */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { systemClock } from '../../../src/core/clock.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import { serve, type SimulatedAnswer } from '../../../src/simulators/server.ts';
import { startCli } from '../../support/cli.ts';
import { JOURNALS, type TestJournal } from '../kills/journals.ts';
import { openStage } from '../kills/lives.ts';
import { SUBJECTS } from '../subjects/subjects.ts';
import type { Subject } from '../subjects/vendor.ts';

/** What was found. */
export interface OriginsTraced {
  /** Why an address outside of this machine cannot be reached; undefined: it can. */
  readonly outside: string | undefined;
  /** `host:port` of everything that Penstock sent something to or connected to. */
  readonly reached: readonly string[];
  /** The same of everything that its configuration names. */
  readonly configured: readonly string[];
  /** Requests to the server that everybody named in redirects and links. */
  readonly elsewhere: number;
  /** The last pass named it, in the error of these sources: it had followed a link as far as it may. */
  readonly refused: readonly string[];
  readonly lost: number;
  readonly asNew: number;
}

/** A declarative source of which only these parts matter here; `more`: keys of its definition. */
function scripted(id: string, more: string, answer: () => SimulatedAnswer, options = {}): Subject {
  const text = `id: ${id}
title: A source that is led elsewhere
vendor: Scripted
product: Scripted
dataset: scripted.records
event: { kind: event, category: [iam], type: [info] }
request: { path: /records, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }
cursor: { window: { time: at, order: ascending, settle: 0s, initial_lookback: 1h } }
records: data
key: [id]
map: { "@timestamp": at }
${more}`;
  return {
    name: id,
    definition: { id, text },
    async start() {
      const simulator = await serve(answer, { clock: systemClock });
      return {
        simulator,
        source: { type: id, base_url: simulator.url, token: `secret-of-${id}`, ...options },
        happen: () => undefined,
        compare: () => ({ lost: 0, asNew: 0 }),
        [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
      };
    },
  };
}

/** Its tokens come from another origin than its records. */
function tokensElsewhere(login: string): Subject {
  const keys = `options: { login: { type: string, required: true, description: Where tokens come from. } }
scope: [login]
auth: { oauth2: { token_url: "{{ options.login }}/token", client_id: us, client_secret: "{{ options.token }}" } }
`;
  return scripted('tokens-elsewhere', keys, () => ({ status: 200, body: { data: [] } }), { login });
}

/** Each of its pages names a next one at another origin: as a member of the answer, or as a link. */
function pagesElsewhere(kind: 'url' | 'link', next: string): Subject {
  const keys = `auth: { bearer: "{{ options.token }}" }
paging: { next_url: { from: ${kind === 'url' ? 'next' : '{ link: next }'} } }
`;
  const headers = { link: `<${next}>; rel="next"` };
  return scripted(`${kind}-elsewhere`, keys, () => ({ status: 200, headers, body: { data: [], next } }));
}

/** Addresses in a trace of `connect`, `sendto` and the like; sockets of this machine's own services (AF_UNIX) are none. */
function addressesIn(trace: string): readonly string[] {
  const calls = trace.matchAll(/sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"([\d.:a-f]+)"/g);
  return [...new Set([...calls].map(([, port, host]) => `${host}:${port}`))].toSorted();
}

/** Tries an address that is nobody's (RFC 5737). */
async function whyUnreachable(): Promise<string | undefined> {
  const socket = connect({ host: '198.51.100.1', port: 80, timeout: 2_000 });
  const tried = [once(socket, 'connect'), once(socket, 'timeout')].map((event) =>
    event.then(() => undefined),
  );
  try {
    return await Promise.race(tried);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    socket.destroy();
  }
}

/** Whether a line of a log is about this source and the other origin to which it was led. */
function isRefused(log: string, source: string, origin: string): boolean {
  const words = `leads to another origin, ${origin}`;
  return log.split('\n').some((line) => line.includes(words) && line.includes(`"${source}"`));
}

async function trace(journal: TestJournal): Promise<OriginsTraced> {
  await using elsewhere = await serve(() => ({ status: 200, body: [] }), { clock: systemClock });
  const headers = { location: `${elsewhere.url}/away` };
  const away = [302, 307, 308].map((status): SimulatedAnswer => ({ status, headers }));
  await using metrics = await serve(() => ({ status: 200, body: {} }), { clock: systemClock });
  await using tokens = await serve(() => ({ status: 200, body: { access_token: 'token-of-elsewhere' } }), {
    clock: systemClock,
  });
  const next = `${elsewhere.url}/next`;
  const led = [tokensElsewhere(tokens.url), pagesElsewhere('url', next), pagesElsewhere('link', next)];
  const subjects = [...SUBJECTS, ...led];
  await using stage = await openStage(subjects, { random: seeded(1), source: { retries: 1 }, journal });
  const named = [stage.receiver, metrics, tokens, ...stage.vendors.map(({ simulator }) => simulator)];
  for (const { script } of named) script.push(...away.slice(0, 2), undefined, away[2]);
  const config = join(stage.directory, 'penstock.yaml');
  const file = join(stage.directory, 'trace');
  await writeFile(file, '');
  const start = (line: string) =>
    startCli([...line.split(' '), '-c', config], {
      under: ['strace', '-f', '-qq', '-A', '-e', 'trace=connect,sendto,sendmsg,sendmmsg', '-o', file],
      env: { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: metrics.url, OTEL_METRIC_EXPORT_INTERVAL: '500' },
    });

  for (const line of ['check', 'preview source0']) await start(line).ended;
  let said = '';
  // Compared here: later records come while nobody polls any more.
  let compared = stage.compare();
  for (let pass = 0; pass < 8 && (pass < 4 || compared.lost > 0); pass += 1) {
    said += (await start('once').ended).stderr;
    compared = stage.compare();
  }
  const daemon = start('run');
  // One that does not start pushes none.
  await Promise.race([metrics.asked(metrics.requests.length + 4), daemon.ended]);
  // strace hands a signal on only to itself; what it runs is its only child.
  const { pid } = daemon.child;
  const [child] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ');
  process.kill(Number(child), 'SIGTERM');
  await daemon.ended;
  const database = /postgresql:\/\/.*@([\d.:]+)\//.exec(await readFile(config, 'utf8'))?.slice(1) ?? [];
  return {
    outside: await whyUnreachable(),
    reached: addressesIn(await readFile(file, 'utf8')),
    configured: [...named.map(({ url }) => url.replace('http://', '')), ...database].toSorted(),
    elsewhere: elsewhere.requests.length,
    refused: subjects.flatMap(({ name }, index) =>
      isRefused(said, `source${index}`, elsewhere.url) ? name : [],
    ),
    ...compared,
  };
}

const [wanted] = process.argv.slice(2);
const journal = JOURNALS.find(({ name }) => name === wanted);
if (journal === undefined) throw new Error(`no journal is called ${wanted}`);
process.stdout.write(JSON.stringify(await trace(journal)));
process.exit(0);
