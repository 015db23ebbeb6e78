import { hash } from 'node:crypto';
import { SeverityNumber } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, type LogRecordProcessor, type ReadableLogRecord } from '@opentelemetry/sdk-logs';

/**
 * The least that any program of this kind does, as one would write it in an hour: fetch a page, parse it, map each row to
 * the attributes that Penstock ships, make log records by the SDK, export the page, fetch the next one. No state, no
 * ledger, no order that survives a restart, no reading of answers: what it loses it does not know.
 *
 *     node floor.js <console> <receiver> <token> <page size> <protobuf | json> <gzip | none>
 */
const [base = '', endpoint = '', token = '', size = '1000', encoding, compression] = process.argv.slice(2);
const gathered: ReadableLogRecord[] = [];
const processor: LogRecordProcessor = {
  onEmit: (record) => void gathered.push(record),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const resource = resourceFromAttributes({ 'service.name': 'floor' });
const logger = new LoggerProvider({ resource, processors: [processor] }).getLogger('floor');
const Exporter = encoding === 'json' ? JsonExporter : ProtobufExporter;
const exporter = new Exporter({ url: `${endpoint}/v1/logs`, compression: compression as never });
const { hostname } = new URL(base);

interface Row {
  readonly attempt_time: number;
  readonly user_id: number;
  readonly remote_ip: string;
  readonly attempt_result: string;
  readonly attempt_method: string;
}

async function page(from: number): Promise<Row[]> {
  const range = `items=${from}-${from + Number(size) - 1}`;
  const response = await fetch(`${base}/api/access/login_attempts?sort=%2Battempt_time`, {
    headers: { SEC: token, Range: range },
  });
  return (await response.json()) as Row[];
}

function emit(row: Row, index: number, readAt: Date): void {
  const { attempt_time, attempt_result, attempt_method, remote_ip } = row;
  const userId = String(row.user_id);
  const id = hash('sha1', `${base} ${index} ${attempt_time} ${userId} ${remote_ip} ${attempt_result}`);
  const failed = attempt_result === 'FAILURE';
  logger.emit({
    timestamp: attempt_time,
    observedTimestamp: readAt,
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: `User ${userId} ${failed ? 'failed to log in' : 'logged in'} from ${remote_ip}`,
    attributes: {
      'log.record.uid': id,
      'ecs.version': '9.4.0',
      'agent.type': 'penstock',
      'agent.version': '0.1.0',
      'event.kind': 'event',
      'event.category': ['authentication'],
      'event.type': ['start'],
      'event.dataset': 'qradar.login_attempts',
      'event.module': 'qradar',
      'event.id': id,
      'event.created': readAt.toISOString(),
      'event.action': 'login',
      'event.outcome': failed ? 'failure' : 'success',
      'observer.vendor': 'IBM',
      'observer.product': 'QRadar',
      'observer.name': 'console',
      'observer.hostname': hostname,
      'user.id': userId,
      'source.address': remote_ip,
      'source.ip': remote_ip,
      'qradar.login_attempt.attempt_time': attempt_time,
      'qradar.login_attempt.user_id': userId,
      'qradar.login_attempt.remote_ip': remote_ip,
      'qradar.login_attempt.attempt_result': attempt_result,
      'qradar.login_attempt.attempt_method': attempt_method,
      'related.ip': [remote_ip],
      'related.user': [userId],
    },
  });
}

async function send(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  exporter.export(gathered.splice(0), ({ code, error }) =>
    code === ExportResultCode.SUCCESS ? resolve() : reject(error ?? new Error('refused')),
  );
  await promise;
}

for (let from = 0, rows = await page(0); rows.length > 0; rows = await page((from += rows.length))) {
  const readAt = new Date();
  for (const [index, row] of rows.entries()) emit(row, from + index, readAt);
  await send();
}
