import { z } from 'zod';
import type { Json } from '../core/json.ts';
import type { HeldRequest, RequestJournal } from '../journal/request.ts';

/** What a command asks for, by kind. Times are epoch milliseconds. */
const wanted = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('backfill'),
    source: z.string(),
    from: z.int(),
    to: z.int(),
    /** Also what was read before, once more. */
    again: z.boolean(),
  }),
  z.object({ kind: z.literal('replay'), destination: z.string(), from: z.int() }),
  z.object({
    kind: z.literal('retry'),
    destinations: z.array(z.string()),
    /** Of dead letters; undefined: all. */
    ids: z.array(z.int()).optional(),
  }),
  z.object({ kind: z.literal('rewind'), source: z.string(), to: z.int() }),
]);

export type Wanted = z.output<typeof wanted>;
export type Backfill = Extract<Wanted, { kind: 'backfill' }>;
export type Replay = Extract<Wanted, { kind: 'replay' }>;
export type Retry = Extract<Wanted, { kind: 'retry' }>;
export type Rewind = Extract<Wanted, { kind: 'rewind' }>;

/** How far a request has come. */
const progress = z.object({
  /** Of `total`, in whatever it is counted in: milliseconds of a span, pages, letters. */
  done: z.number(),
  total: z.number(),
  /** Told, sent. */
  events: z.int(),
  /** Why it does not go on by itself: a destination that takes nothing. */
  stuck: z.string().optional(),
  /** Where a later process goes on; its kind's own. */
  place: z.unknown().optional(),
});

export type Progress = Omit<z.output<typeof progress>, 'place'> & { readonly place?: Json };

/** What became of a request. */
const outcome = z.object({
  /** The exit code of the command that asked for it. */
  code: z.literal([0, 1, 2, 3, 4]),
  message: z.string(),
  /** What a command prints of it, an object a line. */
  results: z.array(z.record(z.string(), z.unknown())).optional(),
});

export interface Outcome {
  readonly code: z.output<typeof outcome>['code'];
  readonly message: string;
  readonly results?: readonly { readonly [name: string]: Json }[];
}

/** Leaves what is wanted for the holder of the state; the same that is open already is joined. Returns its id. */
export function leave(
  journal: Pick<RequestJournal, 'leaveRequest'>,
  want: Wanted,
  now: number,
): Promise<number> {
  return journal.leaveRequest(
    {
      kind: want.kind,
      source: 'source' in want ? want.source : undefined,
      destination: 'destination' in want ? want.destination : undefined,
      details: want as unknown as Json,
    },
    now,
  );
}

/** Notes that a request is begun, or begun anew: whether it is stuck is to be found out again. */
export async function begin(
  journal: Pick<RequestJournal, 'request' | 'noteProgress'>,
  id: number,
): Promise<void> {
  const request = await journal.request(id);
  const before = request && progressOf(request);
  if (before !== undefined && before.stuck === undefined) return;
  const { stuck: _, ...progress } = before ?? { done: 0, total: 0, events: 0 };
  await journal.noteProgress(id, progress);
}

/** Undefined: another release asks for something that this one does not know. */
export function wantedOf({ details }: HeldRequest): Wanted | undefined {
  return wanted.safeParse(details).data;
}

export function progressOf(request: HeldRequest): Progress | undefined {
  return progress.safeParse(request.progress).data as Progress | undefined;
}

/** Undefined while the request is open. */
export function outcomeOf({ finished, outcome: held }: HeldRequest): Outcome | undefined {
  if (finished === undefined) return undefined;
  const told = outcome.safeParse(held).data as Outcome | undefined;
  return told ?? { code: 1, message: 'It has ended in a way that this release does not know.' };
}
