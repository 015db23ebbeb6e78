import type { State } from '../core/state.ts';
import type { Replica } from '../journal/leases.ts';
import type { OverdueStream } from '../observe/states.ts';
import type { DestinationStatus, SourceStatus, Status } from '../observe/status.ts';
import { timeOrNull } from './time-text.ts';

/** What `status --json` prints. `overdue`: the streams that were not read for longer than the readiness rule allows. */
export function statusObject(status: Status, overdue: readonly OverdueStream[]) {
  const { sources, destinations, journal, undelivered, rejected, reloadFailed, replicas } = status;
  const heldBy = ({ replica }: { readonly replica: string | undefined }) =>
    replicas === undefined ? {} : { replica: replica ?? null };
  return {
    sources: sources.map((source) => ({ ...sourceObject(source, overdue), ...heldBy(source) })),
    destinations: destinations.map((destination) => ({
      ...destinationObject(destination),
      ...heldBy(destination),
    })),
    journal: { events: journal.events, bytes: journal.bytes, oldest: timeOrNull(journal.oldest) },
    undelivered,
    rejected,
    reload_failed:
      reloadFailed === undefined
        ? null
        : { since: timeOrNull(reloadFailed.since), reason: reloadFailed.reason },
    overdue: overdue.map(({ name }) => name),
    ...(replicas !== undefined && { replicas: replicas.map(replicaObject) }),
  };
}

/** A state as JSON: its name, and times in RFC 3339 or null. */
function stateObject({ name, since, reason, until }: State<string>) {
  return {
    state: name,
    since: timeOrNull(since),
    reason: reason ?? null,
    until: timeOrNull(until),
  };
}

function sourceObject(source: SourceStatus, overdue: readonly OverdueStream[]) {
  const { config, ledger } = source;
  return {
    source: config.name,
    type: config.definition.id,
    ...stateObject(source.state),
    stale: source.stale !== undefined,
    streams: source.streams.length,
    last_complete: timeOrNull(source.lastComplete),
    last_error: source.lastError ?? null,
    next_due: timeOrNull(source.nextDue),
    read_up_to: timeOrNull(source.readUpTo),
    owed: source.deferred,
    dropped: source.dropped,
    gaps_open: source.openGaps,
    ledger: { entries: ledger.entries, bytes: ledger.bytes },
    overdue: overdue.filter((stream) => stream.source === config.name).map(({ name }) => name),
  };
}

function destinationObject(destination: DestinationStatus) {
  const { name, gaps } = destination;
  return {
    destination: name,
    ...stateObject(destination.state),
    waiting: destination.waiting,
    oldest: timeOrNull(destination.oldest),
    paused: destination.paused !== undefined,
    last_answer: destination.lastResponse ?? null,
    last_answer_at: timeOrNull(destination.lastResponseAt),
    dead_letters: destination.deadLetters,
    gaps_open: gaps.length,
    skipped: gaps.reduce((sum, { events }) => sum + events, 0),
  };
}

function replicaObject({ name, command, since, sources, destinations }: Replica) {
  return { name, command, since: timeOrNull(since), sources, destinations };
}
