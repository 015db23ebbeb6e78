const NS_PER_MINUTE = 60_000_000_000n;

/** Smaller powers of ten make no nanosecond of any number of digits that we take. */
const SMALLEST_EXPONENT = -400;

/** The largest double that fits a 64-bit integer, which stores keep durations in: some 292 years. */
const LONGEST = 9_223_372_036_854_774_784n;

/**
 * Whole nanoseconds (the nearest) of a decimal number of minutes, exact at any length: `656634.6116` minutes are more
 * nanoseconds than a double counts. Undefined for a negative number, which is no duration, and for one that no store could hold.
 */
export function nanosecondsOfMinutes(minutes: string): bigint | undefined {
  const nanoseconds = exactNanoseconds(minutes);
  return nanoseconds === undefined || nanoseconds > LONGEST ? undefined : nanoseconds;
}

function exactNanoseconds(minutes: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(minutes) ?? [];
  if (sign !== '') return undefined;
  const exponent = Number(power) - fraction.length;
  const scaled = BigInt(whole + fraction) * NS_PER_MINUTE;
  if (exponent >= 0) return scaled * 10n ** BigInt(exponent);
  if (exponent < SMALLEST_EXPONENT - fraction.length) return 0n;
  const divisor = 10n ** BigInt(-exponent);
  return (2n * scaled + divisor) / (2n * divisor);
}
