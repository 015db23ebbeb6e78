import type { JobStore, StoredJob } from '../journal/journal.ts';
import type { Subject } from '../journal/leases.ts';
import * as z from 'zod';
import { asJson } from '../core/json.ts';
import type { App } from './app.ts';
import type { DestinationUnit, SourceUnit } from './make-units.ts';

/** For kinds without a place or results. */
const none = z.undefined().optional();

/**
 * The kinds of jobs: work that a command leaves for the process that holds the state. `spec` is what the command asks
 * for, `place` where another process continues after a restart, `results` what the command prints besides a message.
 * Times are epoch milliseconds.
 */
const KINDS = {
  backfill: {
    /** `again`: also read what was read before, and send it once more. */
    spec: z.object({ source: z.string(), from: z.int(), to: z.int(), again: z.boolean() }),
    place: z.object({ scope: z.string(), at: z.int() }).optional(),
    results: none,
  },
  replay: {
    spec: z.object({ destination: z.string(), from: z.int() }),
    /** Sequences of the first and the last page to send and of the next one; events that were rejected so far. */
    place: z.object({ first: z.int(), last: z.int(), next: z.int(), rejected: z.int() }).optional(),
    results: none,
  },
  retry: {
    /** `ids`: of dead letters; undefined: all. */
    spec: z.object({ destination: z.string(), ids: z.array(z.int()).optional() }),
    place: none,
    results: none,
  },
  rewind: {
    spec: z.object({ source: z.string(), to: z.int() }),
    place: none,
    /** Each stream with its stored cursor before and after. */
    results: z
      .array(z.object({ source: z.string(), stream: z.string(), before: z.unknown(), cursor: z.unknown() }))
      .optional(),
  },
};

export type Kind = keyof typeof KINDS;
type Spec<K extends Kind> = z.output<(typeof KINDS)[K]['spec']>;
type JobPlace<K extends Kind> = z.output<(typeof KINDS)[K]['place']>;
export type Results<K extends Kind> = z.output<(typeof KINDS)[K]['results']>;

/** What a command asks for. */
export type JobSpec<K extends Kind = Kind> = { [P in K]: { readonly kind: P } & Readonly<Spec<P>> }[K];

const progress = z.object({
  /** Of `total`, in the kind's own unit: milliseconds of a span, pages, dead letters. */
  done: z.number(),
  total: z.number(),
  /** Events that were read or sent. */
  events: z.int(),
  /** Why the job does not continue by itself: a destination that accepts nothing. */
  stuck: z.string().optional(),
});

/** How far a job has come. */
export type JobProgress<P = unknown> = z.output<typeof progress> & { readonly place?: P };

const outcome = z.object({
  /** The exit code of the command that asked for the job. */
  code: z.literal([0, 1, 2, 3, 4]),
  message: z.string(),
});

/** What became of a job. */
export type JobOutcome<R = undefined> = z.output<typeof outcome> & { readonly results?: R };

/** Generic code may look a kind up in `KINDS` only under this type. */
const SCHEMAS: {
  readonly [K in Kind]: {
    readonly spec: z.ZodType<Spec<K>>;
    readonly place: z.ZodType<JobPlace<K>>;
    readonly results: z.ZodType<Results<K>>;
  };
} = KINDS;

/** A job that this process works on, for as long as it holds the source or destination that the job is about. */
export interface RunningJob<K extends Kind> {
  readonly app: App;
  /** Aborts when the process that holds it next is to go on with the job. */
  readonly signal: AbortSignal;
  /** What the job is about; undefined when the configuration no longer has it. */
  readonly source: SourceUnit | undefined;
  readonly destination: DestinationUnit | undefined;
  readonly spec: Spec<K>;
  /** How far an earlier process came; undefined when there was none, or when its place cannot be read. */
  readonly before: JobProgress<JobPlace<K>> | undefined;
  /** Durable when it resolves, unless the disk is full: then some work is repeated after a restart. */
  readonly note: (progress: JobProgress<JobPlace<K>>) => Promise<void>;
}

/** Works on jobs of each kind. A handler resolves with undefined when its signal aborted before the job was done. */
export type JobHandlers = {
  readonly [K in Kind]: (job: RunningJob<K>) => Promise<JobOutcome<Results<K>> | undefined>;
};

/** Leaves a job for the process that holds what it is about, and returns its id. An open job that asks for the same is joined. */
export function enqueue(jobs: JobStore, spec: JobSpec, now: number): Promise<number> {
  const { kind, ...details } = spec;
  return jobs.enqueue(
    {
      kind,
      source: 'source' in spec ? spec.source : undefined,
      destination: 'destination' in spec ? spec.destination : undefined,
      details: asJson(details),
    },
    now,
  );
}

/** How far a job has come; undefined while no process has started it. */
export function progressOf(job: StoredJob): JobProgress | undefined {
  return progress.safeParse(job.progress).data;
}

/** What became of a job; undefined while it is open. */
export function outcomeOf(job: StoredJob): JobOutcome | undefined {
  if (job.finished === undefined) return undefined;
  const unknown = { code: 1, message: 'The job ended in a way that this release does not know.' } as const;
  return outcome.safeParse(job.outcome).data ?? unknown;
}

/** What a finished job leaves to be printed; undefined when that is nothing. */
export function resultsOf<K extends Kind>(kind: K, { outcome: stored }: StoredJob): Results<K> | undefined {
  return z.object({ results: SCHEMAS[kind].results }).safeParse(stored).data?.results;
}

/** How far a job has come, with its place where that can be read. */
export function progressWithPlace<K extends Kind>(
  kind: K,
  job: StoredJob,
): JobProgress<JobPlace<K>> | undefined {
  const known = progressOf(job);
  const { success, data } = z.object({ place: SCHEMAS[kind].place }).safeParse(job.progress);
  return known !== undefined && success ? { ...known, place: data.place } : undefined;
}

const anyProgress = progress.loose();

/**
 * Notes that a process works on a job. Whether the job is stuck is forgotten: the process finds that out again.
 * `as`: as `JobStore.noteProgress`.
 */
export async function noteStarted(jobs: JobStore, id: number, as?: Subject): Promise<void> {
  const { progress: stored } = (await jobs.find(id)) ?? {};
  const before = anyProgress.safeParse(stored).data ?? { done: 0, total: 0, events: 0 };
  await jobs.noteProgress(id, asJson({ ...before, stuck: undefined }), as);
}

/** What a command asked for; undefined: this release does not know it. */
export function specOf<K extends Kind>(kind: K, { details }: StoredJob): Spec<K> | undefined {
  return kind in SCHEMAS ? SCHEMAS[kind].spec.safeParse(details).data : undefined;
}
