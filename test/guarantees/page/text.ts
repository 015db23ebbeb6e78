/** The parts of `docs/guarantees.md` that people write: what is guaranteed, how it is kept, and the test that shows it. */
export const CLAIMS = `## No lost events

> After a crash, a kill, a power cut, a full disk or a week without the SIEM, every record that a vendor returned is delivered, is
> queued in the journal, or is a dead letter with the reason.

| how it is kept | shown by | command |
| --- | --- | --- |
| A process may end at any step. What is durable then is whole, and the next start goes on from it. | each source, killed before and after each step: the tables [below](#killed-at-each-step) | \`npm run test:guarantees -- kills\` |
| A page's events, ledger entries, cursor, coverage and gaps are committed in one transaction. | 100,000 login attempts; the process is killed 20 times at random; each arrives | \`npm run test:process -- test/system/kill\` |
| On PostgreSQL too, a page is one transaction, and so is an acknowledgement; both are synced, whatever the role prefers. | a connection that is cut at each statement, before it and before its answer; a server that crashes | \`npm test -- postgres/cut-connection postgres/crash\`, \`npm run test:process -- replicas/database\` |
| The transaction is synced to disk before the next request to the vendor is sent (SQLite, WAL, \`synchronous=FULL\`). | system calls read with \`strace\`: each request follows the sync of the page before it | \`npm run test:process -- durability\` |
| A source is not asked for its next page before the last one is durable. So a cursor never runs ahead of its events. | for every source: a process that dies after any page loses and repeats nothing | \`npm test -- test/sources/contract\` |
| Delivery reads the journal, so polling continues while the SIEM is away. | a week without the SIEM, with restarts; a day; until the journal is full | \`npm run test:process -- week-away\`, \`npm test -- long-outages\` |
| A position moves only after a success that the response itself confirms. A partial success, a login page, an empty page of a proxy and a body that was cut off are none. | every response of the [table](destinations/README.md#what-each-response-does), and odd ones | \`npm test -- test/deliver\` |
| A position and the dead letters behind it are committed in one transaction. | kills between a response and the commit; real receivers are compared with the journal | \`npm run test:receivers\` |
| A receiver that rejects everything costs no record: a rejected record becomes a dead letter only when another one was accepted since. | the same table | \`npm test -- test/deliver\` |
| A full disk or a failing disk stops work, and never the data: commits fail as a whole and are tried again. | a file system without space, under a process that is killed on it | \`npm run test:process -- full-disk\` |
| A database that is away stops work, and never the data: nothing is requested that could not be committed, and everything goes on by itself. | a server that is stopped, and one that crashes under three replicas | \`npm test -- state-away\`, \`npm run test:process -- replicas/crash\` |
| A database that went back, as after a failover, is noticed by each replica that wrote to it: nothing is skipped, and the log says what to do. | a standby that lacks a page | \`npm test -- postgres/failover\` |
| A state that is lost, foreign, newer or corrupt is refused with exit 5 and the choices; it is never replaced. | every kind of damage to database, log and lock | \`npm test -- test/journal\`, \`npm run test:guarantees -- faults\` |

## No duplicates

> A record that is read again is recognised. If an acknowledgement is lost, the event is sent again byte for byte, under the same id.

| how it is kept | shown by | command |
| --- | --- | --- |
| The ledger knows each record by its key: the vendor's id, or all of its fields and its number among equal ones. | for every source: re-reading any page adds nothing; two real records that are alike stay two | \`npm test -- test/sources\` |
| An event's id depends on source type, origin, account, scope and key only: never on the poll, the time, or the name of the source. | the ids of every source's fixtures; another time, another instance | \`npm test -- test/ecs/uid test/collect/identity\` |
| The finished event is stored, and stored bytes are sent. An upgrade does not change a repeat. | repeats after kills and restarts are compared byte for byte, Resource and scope included | \`npm run demo\`, \`npm test -- test/deliver/restart test/deliver/response-table\` |
| On SQLite, one process holds the state: the lock is an open transaction, which ends with its holder. | two daemons; a daemon beside a command; after a kill | \`npm run test:process -- waiting\` |
| On PostgreSQL, one replica works on each source and each destination: it has a lease, by the database's clock, and stops before that expires. | random histories of replicas; kills under load | \`npm test -- postgres/lease\`, \`npm run test:process -- replicas/kill\` |
| Each write checks its lease in its own transaction (the fence). A replica that was paused, and replaced meanwhile, changes nothing. | every write after a takeover; a pause before each statement | \`npm test -- postgres/stale-holder postgres/paused-process\`, \`npm run test:process -- replicas/stale\` |
| Counters are compared with their last count. The sum of \`delta\` is the last count. | BotBye for three days, Petra for a month, with kills and outages | \`npm run test:process -- botbye-days petra-month\` |

What can repeat: only what was sent and not acknowledged. A store that knows ids keeps one copy
([Elasticsearch](destinations/elastic.md#ids-are-unique-only-within-one-backing-index): within one backing index); in others, count by
\`log.record.uid\`. What a [restored copy](operate.md#restore-a-copy) of the state repeats is described there.

## No silent failures

> Whatever could not be read is a gap: recorded, logged, listed by \`penstock gaps\`, shipped as an event. Whatever is dropped on purpose is
> counted.

| how it is kept | shown by | command |
| --- | --- | --- |
| A list that comes back as full as its limit is not taken for complete: the rest is a gap. | Petra's newest 500, by tenant | \`npm test -- test/sources/petra-incidents\` |
| A value that does not fit is left out of its field and named in \`error.message\`; the record is in \`event.original\`. | odd values in every field of every source | \`npm test -- test/sources/odd-answers\` |
| A record without its id or time, or nested deeper than 100 levels, is shipped whole as \`event.kind: pipeline_error\`; one above 4 MiB (or 200,000 values) with its first 64 KiB and its size. | 10,000 malformed answers for each source in code, and for all definitions together | \`npm run test:malformed\` |
| A gap is committed with the page that found it, and its event is sent like any other. | a full journal, capped lists, clocks that were set back | \`npm test -- test/collect\` |
| What a destination missed under \`backlog\` is a gap of that destination. | a destination that is away beyond \`backlog.max\` | \`npm test -- test/deliver/backlog\` |
| A source that has completed no poll for three times its interval is \`stale\`, whatever the reason: in \`/readyz\`, metrics and \`status\`. | each cause of failure | \`npm test -- test/observe\` |
| A secret is in no output. | vendors and receivers that echo credentials in many encodings; every output is searched | \`npm test -- echoed-credentials test/core/secret\` |
| No request is made but to configured origins. | every source is sent elsewhere by redirects and links; the system calls are read | \`npm run test:guarantees -- faults\` |

## No exceeded rate limits

> Vendor rate limits hold across restarts, sources and commands. Memory does not grow with the backlog. The disk has a cap.

| how it is kept | shown by | command |
| --- | --- | --- |
| Each request is recorded in the state before it is sent, in a sliding window for each credential, origin and endpoint. | 30 days of Petra, 40 tenants, 25 kills: no window over its limit | \`npm run test:process -- petra-month\` |
| Replicas share one budget: requests are spent in the database, by its clock, before they are sent. | replicas whose clocks differ; many that spend at once; replicas behind PgBouncer | \`npm test -- postgres/quotas postgres/pgbouncer\`, \`npm run test:process -- replicas/roll\` |
| Sources and commands with one credential share its budget. | two sources; a command beside a daemon | \`npm test -- test/http/quota\` |
| \`Retry-After\` is obeyed in all of its forms, durably. | 429 and 503 with many headers | \`npm test -- test/http/throttling test/http/retry\` |
| Pages and batches are bounded, and nothing is kept in memory for a destination that is away. | large answers, a row of 40 MiB, 1,000 tenants, within the memory of a small container | \`npm run test:process -- memory thousand-tenants\` |
| The journal is bounded by \`state.max_bytes\`, each ledger by \`ledger.max\`. | a full journal, on SQLite and PostgreSQL; a ledger at its bound | \`npm test -- test/journal test/collect long-outages\` |`;

export const LIMITS = `## What is not guaranteed

- **What a vendor never shows.** Each source's page has a chapter on what can be missed, and why.
- **What a receiver acknowledged and lost.** A Collector with a queue in memory does so when it is killed; see
  [Collector](destinations/collector.md).
- **Order.** Events of one stream are sent in the order of their pages; live events go before backfills and repeats.
- **Exactly one copy in a store without ids.** See what can repeat, above.
- **A disk that acknowledges a sync and loses it.** Use a disk that does not.`;
