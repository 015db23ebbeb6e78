/**
 * Penstock's program, with every command of it, that kills itself with SIGKILL at one step. `PENSTOCK_GUARANTEES` says at
 * which. It is composed as `src/cli/process.ts` composes it, and what it watches is watched from outside: the journal and
 * the sender through `Host.instrument`, the databases by their statements, and the two HTTP clients through what Node
 * offers for that.
 */
import { enableCompileCache } from 'node:module';
import process from 'node:process';
import { systemClock } from '../../../src/core/clock.ts';
import type { Io } from '../../../src/cli/io.ts';
import { brokenJournal } from './broken-order.ts';
import { Killer, watchEncoder, watchJournal, watchRequests, watchSender, watchSqlite } from './instrument.ts';
import type { ProcessPlan } from './steps.ts';

enableCompileCache();
const { runProgram } = await import('../../../src/cli/program.ts');

const plan = JSON.parse(process.env['PENSTOCK_GUARANTEES'] ?? '{}') as ProcessPlan;
const killer = new Killer(plan.kill);
if (plan.journal === 'PostgreSQL') (await import('./watch-postgres.ts')).watchPostgres(killer);
else watchSqlite(killer);
watchRequests(killer);
watchEncoder(killer);

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

let opened = 0;
const io: Io = {
  env: {},
  cwd: process.cwd(),
  clock: systemClock,
  random: Math.random,
  startedAt: Date.now() - process.uptime() * 1000,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stop: stop.signal,
  onReload(listener) {
    const reload = () => {
      killer.reach('reload', 'before');
      listener();
    };
    process.on('SIGHUP', reload);
    return { [Symbol.dispose]: () => process.off('SIGHUP', reload) };
  },
  instrument: {
    journal(journal) {
      opened += 1;
      if (opened > 1) killer.reach('reload', 'after');
      return watchJournal(plan.broken === undefined ? journal : brokenJournal(journal, plan.broken), killer);
    },
    sender: (sender) => watchSender(sender, killer),
  },
};
process.exit(await runProgram(process.argv.slice(2), io));
