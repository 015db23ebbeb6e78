/*
 * Which sources, or which destinations, a replica takes and gives back, so that each has its fair share. Pure: every
 * replica computes it for itself from the same rows, and they agree without talking to each other.
 */

/** A replica that takes part, as the others see it. */
export interface Participant {
  readonly id: string;
  /** How many it holds, of any configuration. */
  readonly held: number;
  /** How many more it said that it would take. */
  readonly wants: number;
}

/** What a replica sees at one moment of what it could work on. Names are those of its own configuration. */
export interface ShareView {
  /** Itself and the others, in the same order for all: the first get the rest of an uneven division. */
  readonly participants: readonly Participant[];
  /** The id of the replica itself. */
  readonly self: string;
  /** How many the configuration has. */
  readonly total: number;
  readonly held: readonly string[];
  /** How many of those that it holds are about to be given back; they are not in `held`. */
  readonly leaving: number;
  readonly free: readonly string[];
  /** Of the free ones, those that nobody took although all could. */
  readonly abandoned: ReadonlySet<string>;
  /** Of the held ones, those that it gave back before and that nobody took. */
  readonly unwanted: ReadonlySet<string>;
}

export interface SharePlan {
  readonly take: readonly string[];
  readonly giveBack: readonly string[];
  /** How many it still lacks after that. */
  readonly wants: number;
}

/** How many of `total` the participant of this rank gets. The shares of all ranks add up to `total`. */
export function shareOf(total: number, participants: number, rank: number): number {
  return Math.floor(total / participants) + (rank < total % participants ? 1 : 0);
}

/**
 * Takes free ones up to the share, and gives back what is beyond it only as far as others want more: two configurations
 * side by side, during a roll, do not swap for ever. What nobody took is taken beyond the share.
 */
export function planShare(view: ShareView): SharePlan {
  const { participants, self, total, held, leaving, free, abandoned, unwanted } = view;
  const rank = participants.findIndex(({ id }) => id === self);
  const share = shareOf(total, participants.length, rank);
  const preferred = free.toSorted(byPreference(self));
  const lacking = Math.max(0, share - held.length);
  const take = preferred.filter((name, index) => index < lacking || abandoned.has(name));
  const offered = held.filter((name) => !unwanted.has(name)).toSorted(byPreference(self));
  const giving = Math.max(0, toGive(view, rank, held.length + leaving - share) - leaving);
  return {
    take,
    giveBack: giving === 0 ? [] : offered.slice(-giving),
    wants: Math.max(0, lacking - take.length),
  };
}

/** How many of its `excess` a replica gives: those before it in the order give first, and free ones count first of all. */
function toGive({ participants, total, free }: ShareView, rank: number, excess: number): number {
  const beyond = participants.map(({ held }, index) => held - shareOf(total, participants.length, index));
  const wanted = participants.map(({ wants }, index) =>
    index === rank ? 0 : Math.min(wants, Math.max(0, -(beyond[index] ?? 0))),
  );
  const before = beyond.slice(0, rank).map((one) => Math.max(0, one));
  return Math.min(Math.max(0, excess), Math.max(0, sum(wanted) - free.length - sum(before)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** An order of names that differs from replica to replica, so that two rarely reach for the same one. */
function byPreference(replica: string): (a: string, b: string) => number {
  const keys = new Map<string, number>();
  const keyOf = (name: string) => {
    const key = keys.get(name) ?? hash(`${replica} ${name}`);
    keys.set(name, key);
    return key;
  };
  return (a, b) => keyOf(a) - keyOf(b) || (a < b ? -1 : 1);
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return value;
}
