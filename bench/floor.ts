import { SeverityNumber } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { LoggerProvider, type LogRecordProcessor, type ReadableLogRecord } from '@opentelemetry/sdk-logs';

/**
 * The least that any program of this kind does: fetch a page, parse it, make log records of it by the SDK, export them.
 * No state, no ledger, no ECS to speak of, no reading of answers: what it loses it does not know.
 *
 *     node bench/floor.ts <console> <receiver> <token> <page size>
 */
const [base = '', endpoint = '', token = '', size = '1000'] = process.argv.slice(2);
const gathered: ReadableLogRecord[] = [];
const processor: LogRecordProcessor = {
  onEmit: (record) => void gathered.push(record),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};
const logger = new LoggerProvider({ processors: [processor] }).getLogger('floor');
const exporter = new OTLPLogExporter({ url: `${endpoint}/v1/logs`, compression: 'gzip' as never });

async function page(from: number): Promise<Record<string, string | number>[]> {
  const range = `items=${from}-${from + Number(size) - 1}`;
  const response = await fetch(`${base}/api/access/login_attempts?sort=%2Battempt_time`, {
    headers: { SEC: token, Range: range },
  });
  return (await response.json()) as Record<string, string | number>[];
}

async function send(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  exporter.export(gathered.splice(0), ({ code, error }) =>
    code === ExportResultCode.SUCCESS ? resolve() : reject(error ?? new Error('refused')),
  );
  await promise;
}

for (let from = 0, rows = await page(0); rows.length > 0; rows = await page((from += rows.length))) {
  for (const row of rows) {
    const { attempt_time: timestamp, ...attributes } = row;
    logger.emit({
      timestamp: Number(timestamp),
      severityNumber: SeverityNumber.INFO,
      body: 'login',
      attributes,
    });
  }
  await send();
}
