import { Client, type QueryConfig, type QueryResult } from 'pg';
import { type Killer, running } from './instrument.ts';
import type { Step } from './steps.ts';

/** Statements by what they contain. */
const STATEMENTS: readonly (readonly [RegExp, Step])[] = [
  [/\bCREATE TABLE\b/, 'migration'],
  [/\.replica AS replica\b/, 'renewal'],
  [/\.lease\s+SET holder = \$1, epoch/, 'lease'],
  [/\.lease SET revision = revision \+ 1/, 'fence'],
  [/^\s*DELETE FROM "?\w+"?\.page\b/, 'trim'],
];

/** Migrations, leases, the transactions of pages, and the deletion of delivered ones, by the statements that are sent. */
export function watchPostgres(killer: Killer): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its client
  const { query } = Client.prototype;
  const watched = async function (this: Client, config: QueryConfig): Promise<QueryResult> {
    const step = stepOf(config.text);
    if (step !== undefined) killer.reach(step, 'before');
    const answered = Reflect.apply(query, this, [config]) as Promise<QueryResult>;
    if (step === 'commit') {
      // The bytes are given to the system at the end of this turn, and the journal returns after the one of the answer.
      setImmediate(() => killer.reach('commit in doubt', 'before'));
      void answered.then(() => setImmediate(() => killer.reach('commit', 'after')));
    }
    const result = await answered;
    if (step !== undefined) killer.reach(step === 'commit' ? 'commit in doubt' : step, 'after');
    return result;
  };
  Object.assign(Client.prototype, { query: watched });
}

function stepOf(sql: string): Step | undefined {
  const known = STATEMENTS.find(([pattern]) => pattern.test(sql));
  if (known !== undefined) return known[1];
  if (running.getStore() !== 'commit') return undefined;
  if (sql.startsWith('BEGIN')) return 'begin';
  return sql === 'COMMIT' ? 'commit' : undefined;
}
