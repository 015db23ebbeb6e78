import { text } from 'node:stream/consumers';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { pushMetrics } from '../../src/observe/metrics-push.ts';
import { directoryWith, TYPES } from '../config/support/configuration.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { atRest } from '../support/network.ts';

const CONFIG = 'destinations: { siem: { endpoint: "http://127.0.0.1:1" } }\nsources: {}\n';

interface Pushed {
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let status = 200;
const pushed: Pushed[] = [];

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  pushed.push({ url: request.url, headers: request.headers, body: await text(request) });
  if (status === 101) {
    response.socket?.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
}

beforeEach(async () => {
  status = 200;
  pushed.length = 0;
  server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

function environment() {
  const { port } = server.address() as AddressInfo;
  return {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${port}/otlp/metrics`,
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'authorization=Bearer%20of-metrics',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of-logs',
    OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'none',
    OTEL_METRIC_EXPORT_INTERVAL: '10000',
  };
}

async function receiverOf(env: Readonly<Record<string, string>>) {
  const cwd = await directoryWith({ 'penstock.yaml': CONFIG });
  return (await loadConfig({ env, types: TYPES, cwd })).metrics;
}

async function collect() {
  return { resource: resourceFromAttributes({ 'service.name': 'penstock' }), scopeMetrics: [] };
}

async function pushFor(ms: number, env: Readonly<Record<string, string>> = environment()): Promise<string[]> {
  const clock = new DrivenClock();
  const lines: string[] = [];
  const receiver = await receiverOf(env);
  if (receiver === undefined) throw new Error('no receiver of metrics');
  const stop = new AbortController();
  const log = pino({ base: null }, { write: (line) => void lines.push(line) });
  const running = pushMetrics({ receiver, env, clock, log, collect }, stop.signal);
  await clock.advance(ms, atRest);
  stop.abort();
  await running;
  return lines;
}

it('metrics are pushed every interval and at the end, with their own settings', async () => {
  await pushFor(25_000);

  expect(pushed).toHaveLength(3);
  expect(pushed[0]).toMatchObject({
    url: '/otlp/metrics',
    headers: { authorization: 'Bearer of-metrics', 'content-type': 'application/json' },
  });
  expect(JSON.parse(pushed[0]?.body ?? '')).toMatchObject({
    resourceMetrics: [
      { resource: { attributes: [{ key: 'service.name', value: { stringValue: 'penstock' } }] } },
    ],
  });
});

it('a rejected push is logged once', async () => {
  status = 400;

  const lines = await pushFor(45_000);

  expect(pushed).toHaveLength(5);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('Metrics push failed');
  expect(lines[0]).not.toContain('of-metrics');
});

it('metrics are pushed again after a response that switches protocols', async () => {
  status = 101;

  const lines = await pushFor(45_000);

  expect(pushed).toHaveLength(5);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('101');
});

it('metrics are not pushed without an endpoint of their own', async () => {
  expect(await receiverOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:4318' })).toBeUndefined();
});

it('metrics to an endpoint that is none are a mistake', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': CONFIG });
  const env = {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'collector:4317',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  };

  const loading = loadConfig({ env, types: TYPES, cwd });

  await expect(loading).rejects.toThrow('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: expected an http');
});
