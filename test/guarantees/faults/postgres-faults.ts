import { type Fault, rows } from './fault.ts';

/** Faults of a state on PostgreSQL: its server, its connections, and the replicas that share it. */
export const POSTGRES_FAULTS: readonly Fault[] = [
  ...rows('test/system/replicas/crash.test.ts', {
    'a server that crashes and restarts, under three replicas with load':
      'everything goes on by itself after each restart',
  }),
  ...rows('test/runtime/state-away.test.ts', {
    'a server that is stopped (fast and immediate) and away for longer than the leases':
      'without its database (%s) a replica is not ready at once, requests nothing, says so once, and goes on by itself',
  }),
  ...rows('test/journal/postgres/crash.test.ts', {
    'a server that crashes under a writer': 'after crashes of PostgreSQL nothing durable is lost',
    'a writer that is killed': 'after kills of the process every durable page is there once',
  }),
  ...rows('test/cli/postgres.test.ts', {
    'a database that does not answer a command':
      '%s ends with exit 5 within %i ms when the database does not answer',
    'a database that is away when a daemon starts':
      'run waits for a database that is away, says so once and to probes, and goes on by itself',
    'a role that is refused, foreign tables, a server without TLS':
      'a refused role, foreign tables and a server without TLS end with exit 5',
  }),
  ...rows('test/journal/postgres/cut-connection.test.ts', {
    'a connection that is cut at each statement of a page’s commit, before it and before its answer':
      '(%s) leaves a page whole or not at all, and the next hold goes on exactly',
    'the same, at each statement of an acknowledgement': '(%s) leaves an acknowledgement whole or not at all',
    'a COMMIT whose answer never comes': 'that is not known to be written ends the hold',
  }),
  ...rows('test/system/replicas/database.test.ts', {
    'a connection that is cut at each statement that replicas send, under load':
      'at each statement, before it and before its answer: nothing is lost and nothing is sent as something new',
    'a pooler in transaction mode, under replicas that are killed':
      'share the work and survive a kill, with fewer connections than they have',
  }),
  ...rows('test/journal/postgres/pgbouncer.test.ts', {
    'a pooler with fewer connections than its clients need':
      'replicas that share few connections keep one journal, one budget and their leases',
    'a statement that fails in a pooled connection':
      'a statement that fails in a pipeline fails its transaction, and no other client gets an answer of it',
  }),
  { fault: 'a database that went back, as after a failover', file: 'test/journal/postgres/failover.test.ts' },
  ...rows('test/journal/postgres/paused-process.test.ts', {
    'a holder that is stopped between a statement and COMMIT':
      'blocks its rows for less than half a lease, loses its lease, and commits nothing when it goes on',
  }),
  ...rows('test/journal/postgres/stale-holder.test.ts', {
    'a holder that wakes up after another one took over: each of its writes': 'changes nothing when it %s',
    'a holder that is paused before any statement of a write':
      'changes nothing when it was paused before any of the statements with which it %s',
  }),
  ...rows('test/journal/postgres/database.test.ts', {
    'a server that accepts no writes: a standby, or a full disk':
      'a server that accepts no writes now, as a standby or one with a full disk',
    'a server that hangs': 'a database that hangs does not hold up the end of the process',
    'a setting of the role that gives up syncs': 'commits are synchronous whatever the role prefers',
  }),
  ...rows('test/journal/postgres/tls.test.ts', {
    'a certificate of the server that is unknown or of another name':
      'a certificate %s is refused, with what to look at',
    'a certificate that is renewed': 'a certificate file is read again for each connection',
  }),
  ...rows('test/journal/postgres/migrate.test.ts', {
    'a schema of a newer release': 'what a newer release migrated is refused by an older one',
    'a migration that fails': 'a migration that fails leaves the state as it was',
  }),
  ...rows('test/journal/postgres/quotas.test.ts', {
    'clocks of replicas that differ': 'replicas whose clocks differ never exceed a window together',
    'a database whose clock went back':
      'requests that no longer count because the clock of the database went back',
  }),
  ...rows('test/runtime/full-database.test.ts', {
    'the journal at its cap, under a daemon':
      'requests nothing; delivery goes on when it can, then polling does, and nothing is lost',
  }),
  ...rows('test/journal/postgres/room.test.ts', {
    'the journal at its cap, and above it': 'a journal is full at its cap and critical a quarter above',
  }),
];
