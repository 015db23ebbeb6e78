import { unreliable } from './faults.ts';
import { Desk } from './qradar-desk.ts';
import type { LoginAttempt } from './qradar-entry.ts';
import type { ConsoleOptions } from './qradar-options.ts';
import type { Right } from './qradar-rights.ts';
import type { ConsoleUser } from './qradar-users.ts';
import {
  type Answerer,
  serve,
  type SimulatedAnswer,
  type SimulatedRequest,
  type Simulator,
} from './server.ts';

/** A QRadar or JSA console on loopback. */
export interface SimulatedConsole extends Simulator {
  /** All rows in order of time, raw ones too; a copy. */
  readonly rows: readonly unknown[];
  /** Adds rows, of any time, at any moment; equal ones are kept. */
  add(rows: Iterable<LoginAttempt>): void;
  /** Adds a record that is served as it is, found by filters as if its `attempt_time` were `at`. */
  addRaw(at: number, record: unknown): void;
  /** May be changed, as may the tokens: one can expire, or another be made. */
  readonly users: ConsoleUser[];
  readonly tokens: Map<string, Right>;
  /** Called before a request is answered, unless the script did; what it returns is the answer. */
  onRequest: ((request: SimulatedRequest) => SimulatedAnswer | undefined) | undefined;
}

/** Starts a console that does what `api/qradar-login-attempts.txt` (`api/jsa-login-attempts.txt`) and the vendors' API guides say. */
export async function startConsole(options: ConsoleOptions): Promise<SimulatedConsole> {
  const desk = new Desk(options);
  const answer: Answerer = (request) => desk.answer(request);
  const { faults } = options;
  const simulator = await serve(
    faults === undefined ? answer : unreliable(answer, faults.plan, faults.random),
    options,
  );
  return Object.assign(desk, simulator);
}
