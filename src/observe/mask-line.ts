import { mask } from '../core/secret.ts';
import { parseJson, toJson } from '../core/json.ts';
import { printableJson } from '../core/printable.ts';

/**
 * A line of JSON with every known secret masked in its names and values. It stays JSON, which masking the text itself
 * would not promise: a secret may read `level` or `1234`.
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
