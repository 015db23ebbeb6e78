/** The two sides of a step. */
export const PHASES = ['before', 'after'] as const;
export type Phase = (typeof PHASES)[number];

/** Where a state is. */
export type JournalName = 'SQLite' | 'PostgreSQL';

/** A step of the pipeline at which a process is killed, and what its two sides mean exactly. */
interface StepMeaning {
  readonly before: string;
  readonly after: string;
  /** Absent: on each of them. */
  readonly on?: JournalName;
}

const KNOWN = {
  lock: { before: 'the lock is free', after: 'the lock is taken', on: 'SQLite' },
  migration: { before: 'a step of the schema begins', after: 'its statements ran, not yet committed' },
  renewal: { before: 'a renewal of the leases is not sent', after: 'it is answered', on: 'PostgreSQL' },
  lease: { before: 'the leases are not taken', after: 'they are', on: 'PostgreSQL' },
  request: { before: 'a request to the vendor is made', after: 'its bytes were given to the system' },
  answer: { before: 'the headers of the answer are there', after: 'its last byte is read' },
  'ledger look-up': { before: 'the keys are not looked up', after: 'the ledger has answered' },
  build: { before: 'the records of a page are not encoded', after: 'they are, in memory' },
  begin: { before: 'the transaction of a page is not begun', after: 'it is begun' },
  fence: { before: 'the lease is not locked', after: 'it is, for this transaction', on: 'PostgreSQL' },
  commit: { before: 'all of it is written or on its way, COMMIT is not', after: 'it is committed' },
  'commit in doubt': { before: 'COMMIT is sent, not answered', after: 'it is answered', on: 'PostgreSQL' },
  'journal read': { before: 'delivery has not read', after: 'it has read a page of the journal' },
  send: { before: 'a request to the destination is made', after: 'its bytes were given to the system' },
  'answer received': { before: 'its response has begun', after: 'it is read, not applied' },
  'position moved': { before: 'the position is not moved', after: 'it is' },
  trim: { before: 'delivered pages are not deleted', after: 'the first of them are' },
  reload: { before: 'SIGHUP arrived', after: 'the new configuration has opened the state' },
  'backfill page': { before: 'a page of a backfill is not committed', after: 'it is' },
  replay: { before: 'a page is not sent again', after: 'it was, and the response is read' },
} as const satisfies Readonly<Record<string, StepMeaning>>;

export type Step = keyof typeof KNOWN;

/** The steps in the order in which a record passes them. */
export const STEPS: Readonly<Record<Step, StepMeaning>> = KNOWN;

export const STEP_NAMES = Object.keys(STEPS) as readonly Step[];

/** The steps of a process whose state is there, in order. */
export function stepsOn(journal: JournalName): readonly Step[] {
  return STEP_NAMES.filter((step) => (STEPS[step].on ?? journal) === journal);
}

/** Where a process kills itself: at the `nth` time that it comes there. */
export interface KillPoint {
  readonly step: Step;
  readonly phase: Phase;
  readonly nth: number;
}

/** A commit order that breaks a guarantee on purpose; the matrix must notice each. */
export const BROKEN_ORDERS = ['cursor first', 'records first', 'acknowledged first'] as const;
export type BrokenOrder = (typeof BROKEN_ORDERS)[number];

/** What the program under test is told, as JSON in `PENSTOCK_GUARANTEES`. */
export interface ProcessPlan {
  /** Where its state is. */
  readonly journal?: JournalName;
  readonly kill?: KillPoint;
  readonly broken?: BrokenOrder;
}
