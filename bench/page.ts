import { rm } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOKEN } from './console.ts';
import { Daemon } from './daemon.ts';
import { progress } from './measure.ts';
import { requireEach, startReceiver } from './receiver.ts';

/** What one large answer costs a daemon. */
export interface PageCost {
  readonly bytes: number;
  readonly rows: number;
  /** From the answer to the acknowledgement of the last record. */
  readonly seconds: number;
  readonly peakMiB: number;
  /** How long `/livez` took meanwhile, asked every 20 ms, milliseconds. */
  readonly livez: { readonly p99: number; readonly max: number; readonly answers: number };
}

const LOOK_EVERY = 20;

/** The vendor answers when the daemon has started: what it loads at its start is not to be measured. Milliseconds. */
const ANSWER_AFTER = 2_000;

/** The most rows that a source of this type may ask for; a console may answer more. */
const LARGEST_PAGE = 100_000;

/** A list of login attempts of about so many bytes. */
function listOf(bytes: number): { readonly body: Buffer; readonly rows: number } {
  const start = Date.now() - 1_800_000;
  const row = (index: number) =>
    `{"attempt_result":"FAILURE","attempt_time":${start + index},"remote_ip":"192.0.2.${index % 250}","user_id":${index % 1000},"attempt_method":"LOGIN_PAGE"}`;
  const rows = Math.floor(bytes / (row(999).length + 1));
  return { body: Buffer.from(`[${Array.from({ length: rows }, (_, index) => row(index)).join(',')}]`), rows };
}

/** A daemon that gets one answer of so many bytes. @throws when a row is lost or doubled, or `/livez` fails */
export async function measurePage(bytes: number, directory: string): Promise<PageCost> {
  const { body, rows } = listOf(bytes);
  progress(`page: ${rows} rows in ${body.length} bytes`);
  let asked = false;
  let began: number | undefined;
  const console = createServer((request, response) => {
    const isFirst = !asked && request.url?.startsWith('/api/access/login_attempts') === true;
    asked ||= isFirst;
    const answer = () => {
      if (isFirst) began = performance.now();
      response.writeHead(200, { 'content-type': 'application/json' }).end(isFirst ? body : '[]');
    };
    setTimeout(answer, isFirst ? ANSWER_AFTER : 0);
  });
  console.listen(0, '127.0.0.1');
  await once(console, 'listening');
  await using receiver = await startReceiver();
  const state = join(directory, 'state');
  await rm(state, { recursive: true, force: true });
  try {
    await using daemon = await Daemon.start(
      `state: { path: ${state} }
destinations: { siem: { endpoint: "${receiver.url}" } }
sources:
  console: { type: qradar-login-attempts, base_url: "http://127.0.0.1:${(console.address() as AddressInfo).port}", token: ${TOKEN}, page_size: ${Math.min(rows, LARGEST_PAGE)}, settle: 0s, initial_lookback: 1h, resolve_users: false, schedule: every 1h, max_response_bytes: ${body.length} }
`,
      directory,
    );
    const delivered = () => daemon.metric('penstock_delivered_events_total');
    await daemon.until('the answer', () => began !== undefined, 5);
    const looking = new AbortController();
    const looked = watchLiveness(daemon, looking.signal);
    looked.catch(() => looking.abort());
    const isDelivered = async () => looking.signal.aborted || (await delivered()) >= rows;
    await daemon.until('the last record', isDelivered, 500);
    const seconds = (performance.now() - (began ?? NaN)) / 1000;
    looking.abort();
    const times = (await looked).toSorted((one, other) => one - other);
    const { peakMiB } = await daemon.stop();
    requireEach(await receiver.take(), rows, 'page');
    const p99 = times[Math.floor(times.length * 0.99)] ?? NaN;
    return {
      bytes: body.length,
      rows,
      seconds,
      peakMiB,
      livez: { p99, max: times.at(-1) ?? NaN, answers: times.length },
    };
  } finally {
    console.close();
    console.closeAllConnections();
  }
}

/** Milliseconds that each answer took. @throws when one is not 200 */
async function watchLiveness(daemon: Daemon, signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  while (!signal.aborted) {
    const asked = performance.now();
    await probe(`${daemon.admin}/livez`);
    const took = performance.now() - asked;
    times.push(took);
    await sleep(Math.max(0, LOOK_EVERY - took));
  }
  return times;
}

/** As Kubernetes does it: over a connection of its own. */
async function probe(url: string): Promise<void> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200)
    throw new Error(`/livez answered ${response.statusCode} while a page was read`);
}
