import { ecsFormat } from '@elastic/ecs-pino-format';
import { pino, stdSerializers } from 'pino';
import type { LogConfig } from '../config/types.ts';
import { explain, PenstockError } from '../core/errors.ts';
import { parseJson, toJson } from '../core/json.ts';
import type { Logger } from '../core/log.ts';
import { printableJson } from '../core/text.ts';
import { mask } from '../core/secret.ts';

interface LogOptions extends LogConfig {
  /** Where lines are written: stderr, because results go to stdout. */
  readonly stream: { write(text: string): unknown; readonly isTTY?: boolean };
}

interface OwnFields {
  readonly penstock?: object;
}

/**
 * A log of ECS JSON lines, or of readable lines if `format` is `pretty` or the stream is a terminal. An error in the
 * field `err` is written as `error.*` with its causes. Secrets are masked everywhere in a line.
 */
export async function createLogger({ level, format, stream }: LogOptions): Promise<Logger> {
  const ecs = ecsFormat({ apmIntegration: false, serviceName: 'penstock' });
  const isPretty = format === 'pretty' || stream.isTTY === true;
  const show = isPretty ? (await import('./pretty-log.ts')).prettyLines(stream.isTTY === true) : String;
  const formatters = { ...ecs.formatters, log: errorsToEcs };
  // Each line is written before the call returns, because the last line before an exit matters most.
  return pino(
    {
      ...ecs,
      formatters,
      level,
      mixin: (_fields, _level, logger) => logger.bindings(),
      mixinMergeStrategy: withBindings,
    },
    { write: (line) => void stream.write(show(maskLine(line))) },
  );
}

/** Keeps a child's `penstock.source` when the line has a field `penstock` too, which would replace it. */
function withBindings(fields: OwnFields, bindings: OwnFields): OwnFields {
  if (fields.penstock === undefined) return fields;
  return { ...fields, penstock: { ...bindings.penstock, ...fields.penstock } };
}

/** Converts `err` to the ECS fields `error.*`; the ECS format itself leaves out the causes. */
function errorsToEcs({ err, ...fields }: Record<string, unknown>): Record<string, unknown> {
  if (err === undefined) return fields;
  if (!(err instanceof Error)) return { ...fields, error: { message: explain(err) } };
  const { message, stack } = stdSerializers.err(err);
  // A stack trace helps only where a developer has to act.
  const trace = err instanceof PenstockError && err.blame !== 'developer' ? {} : { stack_trace: stack };
  return { ...fields, error: { type: err.name, message, ...trace } };
}

/**
 * A line of JSON with every known secret masked in names and values. It remains JSON, which masking the text would not
 * guarantee: a secret may be `level` or `1234`.
 */
export function maskLine(line: string): string {
  return `${printableJson(toJson(maskValue(parseJson(line))))}\n`;
}

function maskValue(value: unknown): unknown {
  if (typeof value === 'string') return mask(value);
  if (typeof value === 'number' || typeof value === 'bigint') return maskNumber(value);
  if (Array.isArray(value)) return value.map(maskValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [mask(name), maskValue(member)]));
}

function maskNumber(value: number | bigint): number | bigint | string {
  const masked = mask(String(value));
  return masked === String(value) ? value : masked;
}
