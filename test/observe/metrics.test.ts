import { JsonMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lab, openLab } from '../support/app.ts';
import { takeSnapshot } from '../../src/observe/snapshot.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { parsePrometheus } from '../support/prometheus.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-metrics-test';
const MINUTE = 60_000;

const random = seeded(13);
let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;
let metrics: Metrics;

beforeEach(async () => {
  clock = new DrivenClock();
  const now = clock.now();
  const rows = loginAttempts({ random, count: 120, from: now - 60 * MINUTE, to: now - 2 * MINUTE });
  console = await startConsole({ clock, token: TOKEN, rows });
  receiver = await startReceiver({ clock });
  lab = await openLab({
    clock,
    config: {
      destinations: { siem: { endpoint: receiver.url, compression: 'none' } },
      sources: {
        console: {
          type: 'qradar-login-attempts',
          base_url: console.url,
          token: TOKEN,
          schedule: 'every 1m',
          quota: { requests: 60, per: '1m' },
        },
      },
    },
  });
  metrics = new Metrics({ resource: {}, startedAt: now });
  await lab.open();
});

afterEach(async () => {
  await metrics[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

/** The values of a metric by its labels. */
async function read(name: string): Promise<Record<string, number>> {
  const family = parsePrometheus(await metrics.text(await takeSnapshot(lab.app))).get(name);
  return Object.fromEntries(family?.series ?? []);
}

function signIn(): void {
  console.add([loginAttempt(random, clock.now() - 2 * MINUTE, console.users)]);
}

it('the metrics are all there after a poll, with the labels of the contract and no others', async () => {
  lab.start();
  await lab.advance(5 * MINUTE);

  const families = parsePrometheus(await metrics.text(await takeSnapshot(lab.app)));

  const labels = Object.fromEntries(
    [...families].map(([name, { series }]) => [
      name,
      [...series.keys()].map((key) => key.replaceAll(/="[^"]*"/g, ''))[0],
    ]),
  );
  expect(labels).toMatchObject({
    penstock_events_total: 'outcome,source',
    penstock_values_left_out_total: 'source',
    penstock_polls_total: 'outcome,source',
    penstock_requests_total: 'source,status',
    penstock_retries_total: 'source',
    penstock_replaced_characters_total: 'source',
    penstock_quota_remaining: 'source',
    penstock_last_complete_sweep_timestamp_seconds: 'source',
    penstock_lag_seconds: 'source',
    penstock_gaps_open: 'source',
    penstock_journal_events: '',
    penstock_journal_bytes: '',
    penstock_deliveries_total: 'answer,destination',
    penstock_delivered_events_total: 'destination',
    penstock_dead_letters_total: 'destination',
    penstock_destination_paused: 'destination',
    penstock_sent_bytes_total: 'destination,source',
    penstock_request_duration_seconds: '_count source',
    penstock_commit_duration_seconds: '_count ',
    penstock_delivery_duration_seconds: '_count destination',
    penstock_delivery_lag_seconds: '_count destination,source',
    process_cpu_seconds_total: '',
    process_resident_memory_bytes: '',
    process_start_time_seconds: '',
  });
});

it('the metrics agree with what the receiver and the console counted', async () => {
  lab.start();
  for (let minutes = 0; minutes < 10; minutes += 1) {
    signIn();
    await lab.advance(MINUTE);
  }

  const taken = receiver.received().length;
  expect(taken).toBeGreaterThan(120);
  expect(await read('penstock_delivered_events_total')).toEqual({ 'destination="siem"': taken });
  expect(await read('penstock_events_total')).toMatchObject({ 'outcome="new",source="console"': taken });
  expect(await read('penstock_deliveries_total')).toMatchObject({
    'answer="acknowledge",destination="siem"': receiver.exports.length,
  });
  expect(await read('penstock_requests_total')).toEqual({
    'source="console",status="200"': console.requests.length,
  });
  expect(await read('penstock_polls_total')).toMatchObject({ 'outcome="complete",source="console"': 10 });
});

it('the metrics spread the durations of every request, commit and delivery, and bytes agree with what was received', async () => {
  lab.start();
  for (let minutes = 0; minutes < 10; minutes += 1) {
    signIn();
    await lab.advance(MINUTE);
  }

  const sent = receiver.requests.reduce((sum, { headers }) => sum + Number(headers['content-length']), 0);
  expect(await read('penstock_request_duration_seconds')).toMatchObject({
    '_count source="console"': console.requests.length,
    '_bucket le="+Inf",source="console"': console.requests.length,
  });
  expect(await read('penstock_delivery_duration_seconds')).toMatchObject({
    '_count destination="siem"': receiver.exports.length,
  });
  expect((await read('penstock_commit_duration_seconds'))['_count ']).toBeGreaterThan(9);
  const bytes = (await read('penstock_sent_bytes_total'))['destination="siem",source="console"'] ?? 0;
  expect(bytes / sent).toBeGreaterThan(0.999);
  expect(bytes / sent).toBeLessThan(1.01);
});

it('the metrics spread how long after its time each event was acknowledged, by source and destination', async () => {
  receiver.script.push({ status: 503 }, { status: 503 });
  lab.start();
  for (let minutes = 0; minutes < 10; minutes += 1) {
    signIn();
    await lab.advance(MINUTE);
  }

  const lag = await read('penstock_delivery_lag_seconds');

  const taken = receiver.received();
  const labels = 'destination="siem",source="console"';
  expect(lag[`_count ${labels}`]).toBe(taken.length);
  // The newest hour of the console was read at the start, and nothing is younger than two minutes.
  expect(lag[`_bucket destination="siem",le="120",source="console"`]).toBeLessThan(taken.length);
  expect(lag[`_bucket destination="siem",le="21600",source="console"`]).toBe(taken.length);
  expect((lag[`_sum ${labels}`] ?? 0) / taken.length).toBeGreaterThan(120);
});

it('the metrics are pushed by OTLP with their histograms, cumulative since the start of the process', async () => {
  const startedAt = clock.now();
  lab.start();
  await lab.advance(5 * MINUTE);

  const collected = await metrics.collect(await takeSnapshot(lab.app));

  const text = new TextDecoder().decode(JsonMetricsSerializer.serializeRequest(collected));
  const request = JSON.parse(text) as { resourceMetrics: { scopeMetrics: { metrics: unknown[] }[] }[] };
  const sent = request.resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap((one) => one.metrics),
  );
  const taken = receiver.received().length;
  expect(sent).toContainEqual(
    expect.objectContaining({
      name: 'penstock_delivery_lag_seconds',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          expect.objectContaining({
            count: taken,
            startTimeUnixNano: `${startedAt}000000`,
            attributes: [
              { key: 'source', value: { stringValue: 'console' } },
              { key: 'destination', value: { stringValue: 'siem' } },
            ],
          }),
        ],
      },
    }),
  );
});

it('the metrics count no bytes and no lag of what was refused or never answered', async () => {
  receiver.answer = () => ({ status: 503 });
  lab.start();
  await lab.advance(10 * MINUTE);

  expect(await read('penstock_sent_bytes_total')).toEqual({});
  expect(await read('penstock_delivery_lag_seconds')).toEqual({});
  expect((await read('penstock_delivery_duration_seconds'))['_count destination="siem"']).toBe(
    receiver.exports.length,
  );
});

it('the metrics show the age of things in seconds', async () => {
  lab.start();
  await lab.advance(1_000);
  const polledAt = (await read('penstock_last_complete_sweep_timestamp_seconds'))['source="console"'] ?? 0;
  console.onRequest = () => ({ status: 503 });

  await lab.advance(10 * MINUTE);

  expect(clock.now() / 1000 - polledAt).toBeGreaterThan(600);
  expect(clock.now() / 1000 - polledAt).toBeLessThan(602);
  expect((await read('penstock_lag_seconds'))['source="console"']).toBeGreaterThan(600);
  expect((await read('penstock_requests_total'))['source="console",status="503"']).toBeGreaterThan(1);
  expect((await read('penstock_retries_total'))['source="console"']).toBeGreaterThan(0);
});

it('the metrics show no oldest event when the journal is empty', async () => {
  receiver.answer = () => ({ status: 503 });
  lab.start();
  await lab.advance(MINUTE);
  const waiting = await read('penstock_journal_events');
  const before = await read('penstock_journal_oldest_timestamp_seconds');
  receiver.answer = () => ACCEPTED;
  for (let minutes = 0; minutes < 10 && receiver.received().length < 120; minutes += 1)
    await lab.advance(MINUTE);
  await lab.advance(1_000);

  const after = await read('penstock_journal_oldest_timestamp_seconds');

  expect(waiting).toEqual({ '': 120 });
  expect(before['']).toBeGreaterThan(0);
  expect(after).toEqual({});
  expect(await read('penstock_journal_events')).toEqual({ '': 0 });
});

it('the metrics count dead letters and paused destinations', async () => {
  let poison: string | undefined;
  receiver.answer = ({ records }) => {
    poison ??= records[0]?.uid;
    return records.some(({ uid }) => uid === poison) ? { status: 400 } : ACCEPTED;
  };
  receiver.script.push({ status: 401 });
  lab.start();
  await lab.advance(10_000);
  const paused = await read('penstock_destination_paused');
  const answers = await read('penstock_deliveries_total');

  for (let minutes = 0; minutes < 10 && receiver.received().length < 119; minutes += 1)
    await lab.advance(MINUTE);
  await lab.advance(MINUTE);

  expect(paused).toEqual({ 'destination="siem"': 1 });
  expect(answers).toMatchObject({ 'answer="pause",destination="siem"': 1 });
  expect(await read('penstock_destination_paused')).toEqual({ 'destination="siem"': 0 });
  expect(await read('penstock_dead_letters_total')).toEqual({ 'destination="siem"': 1 });
  expect(await read('penstock_delivered_events_total')).toEqual({ 'destination="siem"': 119 });
});
