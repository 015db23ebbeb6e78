/** The units of a duration as an operator writes it, in milliseconds. */
export const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration as an operator writes it: `30s`, `5m`, `2h`, `7d` or `250ms`. */
export const DURATION: RegExp = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Milliseconds of `30s`, `5m`, `2h`, `7d` or `250ms`; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return Number(amount) * UNITS[unit as keyof typeof UNITS];
}
