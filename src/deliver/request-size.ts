/** How many records a receiver answers for in one request, as far as it is known. */
export interface RequestSize {
  /** A request holds no more records. */
  readonly most: number;
  /** So many at once were taken since a request had to be halved for want of an answer; Infinity: none had to. */
  readonly proven: number;
  /** Requests taken with this `most`. */
  readonly successes: number;
  /** A request was halved for want of an answer, and none was taken since. */
  readonly searching: boolean;
}

/** Nothing speaks against large requests. */
export const ANY_SIZE: RequestSize = { most: Infinity, proven: Infinity, successes: 0, searching: false };

/** After so many requests twice as many records are tried at once. */
const ENOUGH_SUCCESSES = 10;

/** No request is larger, so that nothing has to be bounded above. */
const BEYOND = 5_000;

/** A request was not answered, and is halved. */
export function halved(size: RequestSize): RequestSize {
  return { ...size, searching: true };
}

/** A request of so many records was taken. */
export function taken(size: RequestSize, records: number): RequestSize {
  if (size.searching) return { most: records, proven: records, successes: 1, searching: false };
  if (size.most === Infinity) return size;
  const proven = Math.max(size.proven, records);
  const successes = size.successes + 1;
  if (successes < ENOUGH_SUCCESSES) return { ...size, proven, successes };
  const most = size.most * 2;
  return most >= BEYOND ? ANY_SIZE : { most, proven, successes: 0, searching: false };
}
