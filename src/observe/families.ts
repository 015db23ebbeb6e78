import { DESTINATION_STATES, SOURCE_STATES } from './states.ts';
import type { Histogram } from './counts.ts';
import type { Snapshot } from './snapshot.ts';

/** One value of a metric. */
export interface Point {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A metric: its name as Prometheus knows it, and what it is at a moment. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly read: (snapshot: Snapshot) => readonly Point[];
}

/** How values of one kind were spread, by label. */
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

/** What is counted by a second label, a point each. */
function by(
  label: string,
  counts: Iterable<readonly [string, number]>,
  labels: Readonly<Record<string, string>>,
): Point[] {
  return [...counts].map(([name, value]) => ({ value, labels: { ...labels, [label]: name } }));
}

/** 1 for the state that holds, 0 for the others. */
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

/** A point, unless there is nothing to tell. Times become seconds. */
function seconds(ms: number | undefined, labels: Point['labels'] = {}): readonly Point[] {
  return ms === undefined ? [] : [{ value: ms / 1000, labels }];
}

/** The metrics; their labels take no values but names of the configuration and fixed words. */
export const FAMILIES: readonly Family[] = [
  counter(
    'penstock_events_total',
    'Rows read, by what the ledger made of them.',
    ofSources(({ watch }, labels) => by('outcome', Object.entries(watch.events), labels)),
  ),
  counter(
    'penstock_polls_total',
    'Polls of streams, by how they ended.',
    ofSources(({ watch }, labels) => by('outcome', Object.entries(watch.polls), labels)),
  ),
  counter(
    'penstock_requests_total',
    'Requests sent to the vendor, by HTTP status; timed-out and failed had no whole answer.',
    ofSources(({ watch }, labels) => by('status', watch.requests, labels)),
  ),
  counter(
    'penstock_retries_total',
    'Requests among these that were further tries of one that failed.',
    ofSources(({ watch }, labels) => [{ value: watch.retries, labels }]),
  ),
  counter(
    'penstock_replaced_characters_total',
    'Characters of answers that are U+FFFD because their bytes are none in the charset of the answer.',
    ofSources(({ watch }, labels) => [{ value: watch.replacedCharacters, labels }]),
  ),
  gauge(
    'penstock_quota_remaining',
    'Requests that the budget of the main route would grant now.',
    ofSources(({ quotaRemaining: value }, labels) => (value === undefined ? [] : [{ value, labels }])),
  ),
  gauge(
    'penstock_last_complete_sweep_timestamp_seconds',
    'When the last complete poll ended; of several streams, the one longest ago.',
    ofSources(({ lastComplete }, labels) => seconds(lastComplete, labels)),
  ),
  gauge(
    'penstock_lag_seconds',
    "How far what was completely read is behind the vendor's clock.",
    ofSources(({ lag }, labels) => seconds(lag, labels)),
  ),
  gauge(
    'penstock_gaps_open',
    'Spans that could not be read completely.',
    ofSources(({ openGaps }, labels) => [{ value: openGaps, labels }]),
  ),
  gauge(
    'penstock_ledger_bytes',
    'Size of the ledger of the source, about; ledger.max is its bound.',
    ofSources(({ ledger }, labels) => [{ value: ledger.bytes, labels }]),
  ),
  gauge(
    'penstock_source_state',
    'Whether the source is in this state: 1 for one of them, 0 for the others.',
    ofSources(({ state }, labels) => states(SOURCE_STATES, state, labels)),
  ),
  gauge(
    'penstock_source_stale',
    'Whether the source lacks a complete poll for longer than three times the larger of its interval and the time that a poll is predicted to take: 1 or 0.',
    ofSources(({ stale }, labels) => [{ value: stale === undefined ? 0 : 1, labels }]),
  ),
  gauge('penstock_journal_events', 'Events that some destination still lacks.', ({ journal }) => [
    { value: journal.events, labels: {} },
  ]),
  gauge('penstock_journal_bytes', 'Size of database and write-ahead log.', ({ journal }) => [
    { value: journal.bytes, labels: {} },
  ]),
  gauge(
    'penstock_journal_oldest_timestamp_seconds',
    'When the oldest event that some destination still lacks was read; absent when there is none.',
    ({ journal }) => seconds(journal.oldest),
  ),
  counter(
    'penstock_deliveries_total',
    'Requests sent to the destination, by what its answer meant.',
    ofDestinations(({ watch }, labels) => by('answer', Object.entries(watch.answers), labels)),
  ),
  counter(
    'penstock_delivered_events_total',
    'Events that the destination took.',
    ofDestinations(({ watch }, labels) => [{ value: watch.delivered, labels }]),
  ),
  counter(
    'penstock_sent_bytes_total',
    'Bytes of accepted requests by the source of the events in them, in the encoding sent, before compression.',
    ofDestinations(({ watch }, labels) => by('source', watch.sentBytes, labels)),
  ),
  counter(
    'penstock_dead_letters_total',
    'Events that became dead letters because the destination rejected them, or for their age.',
    ofDestinations(({ watch }, labels) => [{ value: watch.deadLetters, labels }]),
  ),
  counter(
    'penstock_skipped_events_total',
    'Events that the destination was not sent, because its backlog exceeded backlog.max while it accepted nothing.',
    ofDestinations(({ watch }, labels) => [{ value: watch.skipped, labels }]),
  ),
  gauge(
    'penstock_destination_paused',
    'Whether the destination is paused: 1 or 0.',
    ofDestinations(({ paused }, labels) => [{ value: paused === undefined ? 0 : 1, labels }]),
  ),
  gauge(
    'penstock_destination_state',
    'Whether the destination is in this state: 1 for one of them, 0 for the others.',
    ofDestinations(({ state }, labels) => states(DESTINATION_STATES, state, labels)),
  ),
  gauge(
    'penstock_config_last_reload_successful',
    'Whether the configuration that was read last is in force: 1, or 0 after a reload that was rejected.',
    ({ reloadFailed }) => [{ value: reloadFailed === undefined ? 1 : 0, labels: {} }],
  ),
];

/** The histograms, with labels as those of `FAMILIES`. */
export const HISTOGRAMS: readonly HistogramFamily[] = [
  {
    name: 'penstock_request_duration_seconds',
    help: 'Requests to the vendor, from sending one to the end of its answer; the wait for a budget is not part of it.',
    read: ({ sources }) =>
      sources.map(({ config, watch }) => ({
        histogram: watch.requestDuration,
        labels: { source: config.name },
      })),
  },
  {
    name: 'penstock_commit_duration_seconds',
    help: 'Commits of pages to the journal, synced to disk.',
    read: ({ commits: histogram }) => [{ histogram, labels: {} }],
  },
  {
    name: 'penstock_delivery_duration_seconds',
    help: 'Requests to the destination, from sending one to the end of its answer, whatever it is.',
    read: ({ destinations }) =>
      destinations.map(({ name, watch }) => ({
        histogram: watch.duration,
        labels: { destination: name },
      })),
  },
  {
    name: 'penstock_delivery_lag_seconds',
    help: "From the time of a live event to the destination's acknowledgement of it.",
    read: ({ destinations }) =>
      destinations.flatMap(({ name, watch }) =>
        [...watch.lag].map(([source, histogram]) => ({ histogram, labels: { source, destination: name } })),
      ),
  },
];
