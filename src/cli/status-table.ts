import { counted, grouped, showDuration } from '../core/text.ts';
import type { Condition, State } from '../core/state.ts';
import type { Replica } from '../journal/leases.ts';
import type { SourceState } from '../observe/states.ts';
import type { Status } from '../observe/status.ts';
import { table } from './output.ts';

/** The replicas as a table. `now`: epoch ms, as in all functions of this file. */
export function replicaTable(replicas: readonly Replica[], now: number): string {
  return table(
    ['replica', 'command', 'started', 'sources', 'destinations'],
    replicas.map(({ name, command, since, sources, destinations }) => [
      name,
      command,
      ago(since, now),
      grouped(sources.length),
      grouped(destinations.length),
    ]),
  );
}

/** The sources as a table. */
export function sourceTable(
  { sources, replicas }: Pick<Status, 'sources' | 'replicas'>,
  now: number,
): string {
  const shared = replicas !== undefined;
  return table(
    [
      'source',
      'type',
      ...(shared ? ['replica'] : []),
      'streams',
      'last complete poll',
      'next poll',
      'owed',
      'dropped',
      'open gaps',
      'ledger',
      'state',
    ],
    sources.map(
      ({ config, replica, streams, lastComplete, nextDue, deferred, dropped, openGaps, ledger, state }) => [
        config.name,
        config.definition.id,
        ...(shared ? [replica ?? NOBODY] : []),
        String(streams.length),
        ago(lastComplete, now),
        nextTry(state, nextDue, now),
        String(deferred),
        grouped(dropped),
        String(openGaps),
        mebibytes(ledger.bytes),
        stateInWords(state, now),
      ],
    ),
  );
}

/** The destinations as a table. */
export function destinationTable(
  { destinations, replicas }: Pick<Status, 'destinations' | 'replicas'>,
  now: number,
): string {
  const shared = replicas !== undefined;
  return table(
    [
      'destination',
      ...(shared ? ['replica'] : []),
      'queued',
      'dead letters',
      'last response',
      'oldest queued',
      'skipped',
      'state',
    ],
    destinations.map(
      ({ name, replica, waiting, deadLetters, gaps, lastResponse, lastResponseAt, oldest, state }) => [
        name,
        ...(shared ? [replica ?? NOBODY] : []),
        grouped(waiting),
        grouped(deadLetters),
        lastResponseAt === undefined ? 'none yet' : `${lastResponse}, ${ago(lastResponseAt, now)}`,
        oldest === undefined ? 'none' : showDuration(Math.max(0, now - oldest)),
        grouped(gaps.reduce((sum, { events }) => sum + events, 0)),
        stateInWords(state, now),
      ],
    ),
  );
}

/** Where no replica works on a source or a destination now. */
const NOBODY = 'none';

/** A state with its duration and reason: `failing for 5m: console answered 500`. `now`: epoch ms. */
export function stateInWords({ name, since, reason, until }: State<string>, now: number): string {
  const lasting = since === undefined ? name : `${name} for ${showDuration(Math.max(0, now - since))}`;
  const why = reason === undefined ? lasting : `${lasting}: ${reason}`;
  if (until === undefined) return why;
  return `${why.replace(/\.$/, '')}; next try ${fromNow(until, now)}`;
}

function nextTry({ name, until }: SourceState, nextDue: number | undefined, now: number): string {
  if (name === 'waiting') return 'when there is room';
  if (name === 'refused' && until === undefined) return 'after the options are corrected';
  return fromNow(until ?? nextDue ?? now, now);
}

/** The journal and the dead letters in one sentence. */
export function journalLine(
  { journal, rejected }: Pick<Status, 'journal' | 'rejected'>,
  now: number,
): string {
  const { events, bytes, oldest } = journal;
  const held = `Journal ${mebibytes(bytes)}`;
  const queued = `${counted(events, 'event')} queued`;
  const waits = `${queued}, oldest ${showDuration(Math.max(0, now - (oldest ?? now)))}`;
  if (rejected === 0) return oldest === undefined ? `${held}; nothing queued.` : `${held}; ${waits}.`;
  const letters = `${grouped(rejected)} rejected, see \`penstock dead-letters list\``;
  return `${held}; ${oldest === undefined ? 'nothing queued' : waits}; ${letters}.`;
}

/** A rejected reload in one sentence. */
export function reloadLine({ since, reason }: Condition, now: number): string {
  return `Reload rejected ${ago(since, now)}; keeping the previous configuration: ${reason}`;
}

function fromNow(at: number, now: number): string {
  return at <= now ? 'now' : `in ${showDuration(at - now)}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function ago(at: number | undefined, now: number): string {
  return at === undefined ? 'never' : `${showDuration(Math.max(0, now - at))} ago`;
}
