import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { Secret } from '../../../src/core/secret.ts';
import { QuotaSpender } from '../../../src/http/quota.ts';
import { createHttp, type SourceHttp } from '../../../src/http/client.ts';
import type { HttpSettings, RequestReport } from '../../../src/http/settings.ts';
import type { Logger } from '../../../src/core/log.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { sharedJournal } from './journal.ts';

export const TOKEN = 'token-that-nobody-may-see';

/** Longer than any wait of these tests, so that `drive` never lets a request time out. */
const TIMEOUT = 86_400_000;

export interface Rig {
  readonly http: SourceHttp;
  readonly clock: DrivenClock;
  readonly spender: QuotaSpender;
  /** Lines of the log, parsed. */
  readonly lines: Record<string, unknown>[];
  readonly reports: RequestReport[];
  readonly stop: AbortController;
}

interface RigSettings extends Omit<Partial<HttpSettings>, 'options'> {
  readonly options?: Partial<HttpSettings['options']>;
  readonly clock?: DrivenClock;
  /** By default one that the tests of the file share. */
  readonly journal?: Journal;
}

/** A client against `baseUrl` with a driven clock, a log that can be read, and no jitter (`random` is 1). */
export async function rig(baseUrl: string, { options, ...settings }: RigSettings = {}): Promise<Rig> {
  const clock = settings.clock ?? new DrivenClock();
  const journal = settings.journal ?? (await sharedJournal(clock));
  const spender = settings.spender ?? new QuotaSpender({ quotas: journal.quotas, clock });
  const { log, lines } = readableLog();
  const reports: RequestReport[] = [];
  const stop = new AbortController();
  const token = new Secret(TOKEN);
  const http = createHttp({
    authorise: () => ({ SEC: token.reveal() }),
    quotas: [],
    random: () => 1,
    signal: stop.signal,
    userAgent: 'penstock/test',
    env: {},
    onRequest: (request) => reports.push(request),
    log,
    ...settings,
    clock,
    spender,
    options: {
      base_url: baseUrl,
      account: '',
      schedule: 'every 1m',
      timezone: 'UTC',
      timeout: TIMEOUT,
      retries: 5,
      max_response_bytes: 1_000_000,
      ledger: { max: 2 ** 30 },
      labels: {},
      ...options,
    },
  });
  return { http, clock, spender, lines, reports, stop };
}

export function readableLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: pino({ level: 'debug' }, { write }), lines };
}

/** Lets real I/O happen, and moves the clock to the next sleeper whenever one is nearer than `horizon`, until `work` ends. */
export async function drive<T>(clock: DrivenClock, work: Promise<T>, horizon = TIMEOUT / 2): Promise<T> {
  const state = { ended: false };
  const end = () => {
    state.ended = true;
  };
  work.then(end, end);
  while (!state.ended) {
    await turn();
    const wait = (clock.next ?? Infinity) - clock.now();
    if (wait < horizon) await clock.advance(wait);
  }
  return work;
}

/** Lets real I/O happen, and no time pass, until `reached`. */
export async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await turn();
}

/** What `work` is rejected with; fails the test when it is not. */
export async function failure(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('Expected a rejection.');
}
