import fc from 'fast-check';
import type { LoginAttempt } from '../../../src/simulators/qradar-attempts.ts';
import { BROKEN, NO_CREDENTIALS, NO_RIGHTS, problem } from '../../../src/simulators/qradar-list.ts';
import { startConsole } from '../../../src/simulators/qradar.ts';
import jsa from '../../../src/sources/jsa-login-attempts/index.ts';
import qradar from '../../../src/sources/qradar-login-attempts/index.ts';
import { tupleOf } from '../../support/truth.ts';
import type { Clocks } from './clocks.ts';
import { difference, without } from './difference.ts';
import { FAILURES } from './failures.ts';
import { type Subject, worldOf } from './subject.ts';
import type { Vendor } from './vendor.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const [SETTLE, OVERLAP] = [2 * SECOND, 3 * SECOND];
const TOO_LATE = MINUTE;
const TOKEN = 'token-of-the-console';
const SOURCES = { qradar, jsa };

interface Settings {
  readonly vendor: 'qradar' | 'jsa';
  readonly page_size: number;
  readonly maxPage: number | undefined;
  readonly slice: string;
  readonly refuseSort: boolean;
  /** By how much the console's clock is ahead of ours. Milliseconds. */
  readonly ahead: number;
}

/** Login attempts have no ids: they are told apart by their fields, and equal ones are counted. */
class Console implements Subject {
  readonly name: string;
  readonly late = [0, 1, SETTLE, OVERLAP, TOO_LATE];
  readonly passes = [20 * SECOND];
  // By less the console's clock is not seen to be set back: `Date` has whole seconds.
  readonly sets = [
    { min: -20 * MINUTE, max: -4 * SECOND },
    { min: 0, max: 20 * MINUTE },
  ];
  readonly failures = {
    ...FAILURES,
    '401': NO_CREDENTIALS,
    '403': NO_RIGHTS,
    '422, no sorting': problem(422, 1030, 'The sort parameter is not valid.'),
    '422, the version was removed': problem(
      422,
      36,
      'Version (3.0) from header parameter (Version) has been removed',
    ),
    '500, code 1020': BROKEN,
  };
  readonly worlds: Subject['worlds'];

  constructor(vendor: 'qradar' | 'jsa') {
    this.name = `${vendor}-login-attempts`;
    this.worlds = fc
      .record<Settings>({
        vendor: fc.constant(vendor),
        page_size: fc.integer({ min: 1, max: 12 }),
        maxPage: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
        slice: fc.constantFrom('5m', '1h'),
        refuseSort: fc.boolean(),
        ahead: fc.constantFrom(0, 400, 24 * HOUR, -24 * HOUR),
      })
      .map((settings) => worldOf(openConsole, settings));
  }
}

export async function openConsole(
  { vendor, page_size, slice, ahead, ...paging }: Settings,
  clocks: Clocks,
): Promise<Vendor> {
  clocks.theirs.jump(ahead);
  const { theirs } = clocks;
  const simulator = await startConsole({ clock: theirs, vendor, token: TOKEN, ...paging });
  const tooLate: LoginAttempt[] = [];
  const times = { settle: `${SETTLE}ms`, overlap: `${OVERLAP}ms`, initial_lookback: '2h' };
  return {
    simulator,
    clocks,
    source: SOURCES[vendor],
    config: { token: TOKEN, resolve_users: false, page_size, slice, ...times },
    appear: ({ ago, count, kind }) => {
      const row = {
        attempt_time: theirs.now() - ago,
        user_id: kind,
        remote_ip: '192.0.2.1',
        attempt_result: 'SUCCESS',
        attempt_method: 'LOGIN_PAGE',
      };
      const rows = Array.from({ length: count }, () => row);
      simulator.add(rows);
      if (ago === TOO_LATE) tooLate.push(...rows);
    },
    // The clock goes on to where it has been.
    get rest() {
      return [MINUTE, clocks.setBack + MINUTE, MINUTE];
    },
    judge: ({ events }) =>
      difference({
        due: without((simulator.rows as readonly LoginAttempt[]).map(tupleOf), tooLate.map(tupleOf)),
        more: tooLate.map(tupleOf),
        collected: events.map((event) => {
          const field = (name: string) => String(event[`${vendor}.login_attempt.${name}`]);
          return FIELDS.map(field).join(' ');
        }),
      }),
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  };
}

const FIELDS = ['attempt_time', 'user_id', 'remote_ip', 'attempt_result', 'attempt_method'];

export const CONSOLES: readonly Subject[] = [new Console('qradar'), new Console('jsa')];
