import type fc from 'fast-check';
import type { SimulatedAnswer, SimulatedRequest, Simulator } from '../../src/simulators/server.ts';
import type { DrivenClock } from '../support/driven-clock.ts';

/**
 * What `contract.test.ts` must know of a source to hold it to the laws that every source keeps. Each folder of
 * `src/sources` has one: `test/sources/<id>/harness.ts` exports it as `harness`.
 *
 * Beside it, `src/sources/<id>/fixtures/` holds answers as the vendor's documents show them, `<case>.json`, and the
 * events that they become, `<case>.ecs.json`. For a new case, make both files, the second one empty, and let
 * `vitest -u` write it; then read it.
 */
export interface SourceHarness {
  /** Its block of the configuration without `type` and `base_url`, with pages so small that a poll has several. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The credential in it: no log line and no error may show it. */
  readonly secret: string;
  /** Its first request is for a token: one that is throttled is an outage, and pauses no quota. */
  readonly needsToken?: boolean;
  /** When the clocks show it, the fixtures are settled and new. ISO 8601. */
  readonly now: string;
  /** Starts the vendor's simulator, with data that fill at least two pages. */
  readonly start: (clock: DrivenClock) => Promise<Simulator>;
  /** How the vendor answers when `body` is what it has: the answer of that case, and what else a poll asks for. */
  readonly answer: (
    request: SimulatedRequest,
    example: { readonly name: string; readonly body: unknown },
  ) => SimulatedAnswer;
  /** The body with these records among its own. */
  readonly insert: (body: unknown, records: readonly unknown[]) => unknown;
  /** What a vendor might send in place of a record; each is emitted as one event. */
  readonly malformed: fc.Arbitrary<unknown>;
  /** Odd values of what a record need not have, by their place in the body of the first example. */
  readonly odd: readonly (readonly [Place, ...unknown[]])[];
  /** The list that an answer is, or cannot do without, and those that it can, by their places in that body. */
  readonly lists: { readonly main?: Place; readonly optional?: readonly Place[] };
  /** A record with an id that `breaks` makes malformed; undefined where the vendor gives no ids. */
  readonly identified?: {
    readonly at: Place;
    readonly breaks: Members;
    /** What is not compared, as it grows from poll to poll. */
    readonly moves: readonly Members[];
    /** What is compared, with another value. */
    readonly changes: Members;
  };
}

/** The names and indexes that lead to a value. */
export type Place = readonly (string | number)[];

type Members = Readonly<Record<string, unknown>>;
