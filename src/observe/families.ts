import { DESTINATION_STATES, SOURCE_STATES } from './states.ts';
import type { Histogram } from './counts.ts';
import type { ReplicaFigures, Snapshot } from './snapshot.ts';

/** One value of a metric. */
export interface Point {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A metric: its Prometheus name, and how its values are read from a snapshot. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly read: (snapshot: Snapshot) => readonly Point[];
}

/** One histogram of a metric. */
export interface HistogramPoint {
  readonly histogram: Histogram;
  readonly labels: Readonly<Record<string, string>>;
}

/** A metric that is a histogram, in seconds. */
export interface HistogramFamily extends Pick<Family, 'name' | 'help'> {
  readonly read: (snapshot: Snapshot) => readonly HistogramPoint[];
}

const counter = (name: string, help: string, read: Family['read']): Family => {
  return { kind: 'counter', name, help, read };
};
const gauge = (name: string, help: string, read: Family['read']): Family => {
  return { kind: 'gauge', name, help, read };
};

/** One point for each count, with its name as a second label. */
function by(
  label: string,
  counts: Iterable<readonly [string, number]>,
  labels: Readonly<Record<string, string>>,
): Point[] {
  return [...counts].map(([name, value]) => ({ value, labels: { ...labels, [label]: name } }));
}

/** 1 for the current state, 0 for all others. */
function states(
  all: readonly string[],
  { name }: { readonly name: string },
  labels: Readonly<Record<string, string>>,
): Point[] {
  return all.map((state) => ({ value: state === name ? 1 : 0, labels: { ...labels, state } }));
}

function ofSources(
  read: (source: Snapshot['sources'][number], labels: { readonly source: string }) => readonly Point[],
): Family['read'] {
  return ({ sources }) => sources.flatMap((source) => read(source, { source: source.config.name }));
}

function ofDestinations(
  read: (one: Snapshot['destinations'][number], labels: { readonly destination: string }) => readonly Point[],
): Family['read'] {
  return ({ destinations }) => destinations.flatMap((one) => read(one, { destination: one.name }));
}

/** One point for each kind that a replica holds, with its name; none when one process holds the whole state. */
function ofReplica(read: (replica: ReplicaFigures) => ReplicaFigures['held']): Family['read'] {
  return ({ replica }) =>
    replica === undefined ? [] : by('kind', Object.entries(read(replica)), { replica: replica.name });
}

/** A point in seconds; none if the value is unknown. */
function seconds(ms: number | undefined, labels: Point['labels'] = {}): readonly Point[] {
  return ms === undefined ? [] : [{ value: ms / 1000, labels }];
}

/** The metrics. Label values are only names from the configuration and fixed words. */
export const FAMILIES: readonly Family[] = [
  counter(
    'penstock_events_total',
    'Rows read, by outcome: new, updated, repeated, malformed or dropped (by `shape.drop`).',
    ofSources(({ watch }, labels) => by('outcome', Object.entries(watch.events), labels)),
  ),
  counter(
    'penstock_drop_rule_failures_total',
    'Expressions of `shape.drop` that failed for an event, which was sent.',
    ofSources(({ watch }, labels) => [{ value: watch.ruleFailures, labels }]),
  ),
  counter(
    'penstock_values_left_out_total',
    'Values that events lack: they did not fit, were not the first of a list for a single field, or are details that the vendor did not send.',
    ofSources(({ watch }, labels) => [{ value: watch.valuesLeftOut, labels }]),
  ),
  counter(
    'penstock_polls_total',
    'Polls of streams, by how they ended.',
    ofSources(({ watch }, labels) => by('outcome', Object.entries(watch.polls), labels)),
  ),
  counter(
    'penstock_requests_total',
    'Requests sent to the vendor, by HTTP status; timed-out and failed requests had no complete response.',
    ofSources(({ watch }, labels) => by('status', watch.requests, labels)),
  ),
  counter(
    'penstock_retries_total',
    'Requests that were retries of a failed one.',
    ofSources(({ watch }, labels) => [{ value: watch.retries, labels }]),
  ),
  counter(
    'penstock_replaced_characters_total',
    'Characters of responses that became U+FFFD because their bytes are invalid in the charset.',
    ofSources(({ watch }, labels) => [{ value: watch.replacedCharacters, labels }]),
  ),
  gauge(
    'penstock_quota_remaining',
    'Requests that the quota of the main route allows now.',
    ofSources(({ quotaRemaining: value }, labels) => (value === undefined ? [] : [{ value, labels }])),
  ),
  gauge(
    'penstock_last_complete_sweep_timestamp_seconds',
    'When the last complete poll ended; with several streams, the oldest of these times.',
    ofSources(({ lastComplete }, labels) => seconds(lastComplete, labels)),
  ),
  gauge(
    'penstock_lag_seconds',
    "How far the completely read time is behind the vendor's clock.",
    ofSources(({ lag }, labels) => seconds(lag, labels)),
  ),
  gauge(
    'penstock_gaps_open',
    'Spans that could not be read completely.',
    ofSources(({ openGaps }, labels) => [{ value: openGaps, labels }]),
  ),
  gauge(
    'penstock_ledger_bytes',
    'Approximate size of the ledger of the source; its bound is ledger.max.',
    ofSources(({ ledger }, labels) => [{ value: ledger.bytes, labels }]),
  ),
  gauge(
    'penstock_source_state',
    '1 for the current state of the source, 0 for all others.',
    ofSources(({ state }, labels) => states(SOURCE_STATES, state, labels)),
  ),
  gauge(
    'penstock_source_stale',
    '1 if the source had no complete poll for three times the larger of its interval and its predicted poll time, otherwise 0.',
    ofSources(({ stale }, labels) => [{ value: stale === undefined ? 0 : 1, labels }]),
  ),
  gauge('penstock_journal_events', 'Events that are queued for at least one destination.', ({ journal }) => [
    { value: journal.events, labels: {} },
  ]),
  gauge('penstock_journal_bytes', 'Size of the database and its write-ahead log.', ({ journal }) => [
    { value: journal.bytes, labels: {} },
  ]),
  gauge(
    'penstock_journal_oldest_timestamp_seconds',
    'When the oldest queued event was read; absent if none is queued.',
    ({ journal }) => seconds(journal.oldest),
  ),
  counter(
    'penstock_deliveries_total',
    'Requests sent to the destination, by the meaning of the response.',
    ofDestinations(({ watch }, labels) => by('answer', Object.entries(watch.answers), labels)),
  ),
  counter(
    'penstock_delivered_events_total',
    'Events that the destination accepted.',
    ofDestinations(({ watch }, labels) => [{ value: watch.delivered, labels }]),
  ),
  counter(
    'penstock_sent_bytes_total',
    'Bytes of accepted requests by the source of the events in them, in the encoding sent, before compression.',
    ofDestinations(({ watch }, labels) => by('source', watch.sentBytes, labels)),
  ),
  counter(
    'penstock_dead_letters_total',
    'Events that became dead letters because the destination rejected them or they were too old.',
    ofDestinations(({ watch }, labels) => [{ value: watch.deadLetters, labels }]),
  ),
  counter(
    'penstock_skipped_events_total',
    'Events skipped for the destination because its backlog exceeded backlog.max while it accepted nothing.',
    ofDestinations(({ watch }, labels) => [{ value: watch.skipped, labels }]),
  ),
  gauge(
    'penstock_destination_paused',
    '1 if the destination is paused, otherwise 0.',
    ofDestinations(({ paused }, labels) => [{ value: paused === undefined ? 0 : 1, labels }]),
  ),
  gauge(
    'penstock_destination_state',
    '1 for the current state of the destination, 0 for all others.',
    ofDestinations(({ state }, labels) => states(DESTINATION_STATES, state, labels)),
  ),
  gauge(
    'penstock_replica_info',
    'Always 1, with the name of this replica; absent when one process holds the whole state.',
    ({ replica }) => (replica === undefined ? [] : [{ value: 1, labels: { replica: replica.name } }]),
  ),
  gauge(
    'penstock_replica_held',
    'Sources and destinations that this replica holds.',
    ofReplica(({ held }) => held),
  ),
  counter(
    'penstock_replica_takeovers_total',
    'Sources and destinations that this replica took.',
    ofReplica(({ takeovers }) => takeovers),
  ),
  counter(
    'penstock_replica_leases_lost_total',
    'Sources and destinations that this replica lost, because it could not renew their leases in time.',
    ofReplica(({ lost }) => lost),
  ),
  gauge(
    'penstock_config_last_reload_successful',
    '1 if the configuration that was read last is in use, 0 after a rejected reload.',
    ({ reloadFailed }) => [{ value: reloadFailed === undefined ? 1 : 0, labels: {} }],
  ),
];

/** The histograms; labels as in `FAMILIES`. */
export const HISTOGRAMS: readonly HistogramFamily[] = [
  {
    name: 'penstock_request_duration_seconds',
    help: 'Duration of requests to the vendor, until the end of the response; without waiting for the quota.',
    read: ({ sources }) =>
      sources.map(({ config, watch }) => ({
        histogram: watch.requestDuration,
        labels: { source: config.name },
      })),
  },
  {
    name: 'penstock_commit_duration_seconds',
    help: 'Duration of page commits to the journal, synced to disk.',
    read: ({ commits: histogram }) => [{ histogram, labels: {} }],
  },
  {
    name: 'penstock_delivery_duration_seconds',
    help: 'Duration of requests to the destination, until the end of the response.',
    read: ({ destinations }) =>
      destinations.map(({ name, watch }) => ({
        histogram: watch.duration,
        labels: { destination: name },
      })),
  },
  {
    name: 'penstock_delivery_lag_seconds',
    help: 'Time from a live event to its acknowledgement by the destination.',
    read: ({ destinations }) =>
      destinations.flatMap(({ name, watch }) =>
        [...watch.lag].map(([source, histogram]) => ({ histogram, labels: { source, destination: name } })),
      ),
  },
];
