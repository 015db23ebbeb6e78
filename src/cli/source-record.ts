import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openHttp } from '../collect/context.ts';
import { preview } from '../collect/dry-run.ts';
import { absolutePath } from '../config/files.ts';
import type { SourceConfig } from '../config/types.ts';
import { ConfigError, EXIT } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { identityOf } from '../core/stream-key.ts';
import { counted } from '../core/text.ts';
import { QuotaSpender } from '../http/quota.ts';
import { memoryJournal } from '../journal/sqlite/memory.ts';
import { openJournalForQuotas } from '../journal/open.ts';
import type { SimulatedRequest } from '../simulators/server.ts';
import type { Exchange } from '../sources/_declarative/fixture.ts';
import { requestOf } from '../sources/_declarative/fixture-vendor.ts';
import {
  keptOf,
  type RecordedExchange,
  recordedText,
  type Recording,
} from '../sources/_declarative/recording.ts';
import { type ExitCode, type Io, setUpVisibly } from './io.ts';
import { sourceNamed } from './names.ts';
import { jsonLine, say, wantsJson } from './output.ts';
import { runFixture } from './source-fixture.ts';

/** The fixture that a recording is written to. */
const FILE = 'recorded.yaml';

/** A wrong path in `paging` finds no next page, which is how a list ends. */
const ENDED = ' The list ended here: if the vendor has more records, correct `paging`.';

/** `penstock source record SOURCE`: a fixture of what the vendor answers, without secrets and personal values. */
export async function sourceRecord(
  io: Io,
  flags: Readonly<Record<string, unknown>>,
  [name = '']: readonly string[],
): Promise<ExitCode> {
  const file = join(flags['out'] as string, FILE);
  const at = absolutePath(io.cwd, file);
  if (existsSync(at))
    throw new ConfigError([
      `${file} exists, and nothing is overwritten. Rename it, or name another directory.`,
    ]);
  const { recording, errors } = await record(io, flags, name);
  for (const error of errors) say(io.stderr, `The poll failed: ${error}\nSee: penstock check\n`);
  if (errors.length > 0 || io.stop.aborted) return EXIT.incomplete;
  const kept = keptOf(recording);
  const requests: Exchange['request'][] = [];
  const { events } = await runFixture(recording.source, kept.fixture, (request: SimulatedRequest) =>
    requests.push(requestOf(request)),
  );
  const text = recordedText(kept, requests, events);
  requireNoSecret(text, recording.options);
  await writeNew(at, text);
  const result = { file, exchanges: recording.exchanges.length, events: events.length };
  if (wantsJson(io, flags)) jsonLine(io.stdout, result);
  else
    say(
      io.stdout,
      `${file}: ${counted(result.exchanges, 'exchange')}, ${counted(result.events, 'event')}.${recording.partial ? '' : ENDED} Read it before you share it.\n`,
    );
  return EXIT.done;
}

/** Writes a file that is not there yet, for its owner alone: whether it may be shared is to be seen by reading it. */
async function writeNew(at: string, text: string): Promise<void> {
  await mkdir(dirname(at), { recursive: true, mode: 0o700 });
  await writeFile(at, text, { flag: 'wx', mode: 0o600 });
}

/** Polls the vendor as for the first time, until there are so many pages. Only quotas are written. */
async function record(
  io: Io,
  flags: Readonly<Record<string, unknown>>,
  name: string,
): Promise<{ readonly recording: Recording; readonly errors: readonly string[] }> {
  const { config, log } = await setUpVisibly(io, flags);
  const source = sourceNamed(config, name);
  const { clock, random, env } = io;
  const enough = new AbortController();
  const signal = AbortSignal.any([io.stop, enough.signal]);
  await using view = await openJournalForQuotas(config.state, { clock, log });
  await view.sources.requireSame([identityOf(source)]);
  const spender = new QuotaSpender({ quotas: view.quotas, clock });
  const exchanges: RecordedExchange[] = [];
  let now = clock.now();
  const onExchange = ({ url }: { readonly url: URL }, response: Response) => {
    if (exchanges.length === 0) now = Math.floor(response.sent / 1_000) * 1_000;
    const { status, headers, body } = response;
    exchanges.push({ url, status, headers, body: Buffer.from(body).toString('utf8') });
    if (http.requests >= (flags['pages'] as number)) enough.abort(new Error('Enough.'));
  };
  await using http = openHttp({ spender, clock, random, env, log, signal, onExchange }, source);
  const none = memoryJournal(clock);
  const result = await preview({
    config: source,
    view: none,
    http,
    clock,
    log,
    signal,
    limit: Infinity,
    show: skip,
  });
  const { definition, options }: SourceConfig = source;
  const recording = { source: definition, options, now, partial: enough.signal.aborted, exchanges };
  return { recording, errors: enough.signal.aborted ? [] : result.errors };
}

/** The events are made again of what is written. */
function skip(): void {}

interface Response {
  readonly sent: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Everything that could hold a secret was replaced; that none is left is checked, because it would be published. */
function requireNoSecret(text: string, options: object): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (!(value instanceof Secret)) continue;
    const secret = value.reveal();
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    if (secret.length >= 4 && forms.some((form) => text.includes(form)))
      throw new Error(`The secret ${name} would stand in the recording, so nothing was written.`);
  }
}
