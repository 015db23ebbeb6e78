import { showDuration } from '../config/show-duration.ts';
import type { DestinationStatus, SourceStatus, Status } from './status.ts';

/** A table for people. */
export interface Rows {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function sourceRows(sources: readonly SourceStatus[], now: number): Rows {
  return {
    head: [
      'source',
      'type',
      'streams',
      'last complete sweep',
      'next',
      'owed',
      'open gaps',
      'ledger',
      'last error',
    ],
    rows: sources.map(({ config, streams, lastComplete, nextDue, owed, openGaps, ledger, lastError }) => [
      config.name,
      config.definition.id,
      String(streams.length),
      ago(lastComplete, now),
      nextDue === undefined || nextDue <= now ? 'now' : `in ${showDuration(nextDue - now)}`,
      String(owed),
      String(openGaps),
      mebibytes(ledger.bytes),
      lastError ?? '',
    ]),
  };
}

export function destinationRows(destinations: readonly DestinationStatus[], now: number): Rows {
  return {
    head: ['destination', 'waiting', 'dead letters', 'last answer', 'state'],
    rows: destinations.map(({ name, waiting, deadLetters, lastAnswer, lastAnswerAt, paused, since }) => [
      name,
      waiting.toLocaleString('en'),
      deadLetters.toLocaleString('en'),
      lastAnswerAt === undefined ? 'none yet' : `${lastAnswer}, ${ago(lastAnswerAt, now)}`,
      paused === undefined ? 'going' : `paused ${ago(since, now)}: ${paused}`,
    ]),
  };
}

/** The journal in one sentence. */
export function journalLine({ events, bytes, oldest }: Status['journal'], now: number): string {
  const held = `The journal takes ${mebibytes(bytes)}`;
  if (oldest === undefined) return `${held}, and everything is delivered.`;
  return `${held}; ${events.toLocaleString('en')} events wait, the oldest since ${showDuration(Math.max(0, now - oldest))}.`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function ago(at: number | undefined, now: number): string {
  return at === undefined ? 'never' : `${showDuration(Math.max(0, now - at))} ago`;
}
