import { type Fault, rows } from './fault.ts';
import { POSTGRES_FAULTS } from './postgres-faults.ts';

const RESPONSES = 'test/deliver/response-table.test.ts';
const SENDER = 'test/otlp/sender.test.ts';
const ODD_RESPONSES = 'test/deliver/odd-responses.test.ts';
const UNANSWERED = 'test/deliver/unanswered.test.ts';
const EXPLAINED = 'test/http/network-error.test.ts';
const VENDOR_ODD = 'test/http/odd-responses.test.ts';
const THROTTLING = 'test/http/throttling.test.ts';
const NETWORK = 'test/http/network.test.ts';
const TLS = 'test/http/tls.test.ts';
const DIRECTORY = 'test/journal/sqlite/state-directory.test.ts';
const ROOM = 'test/journal/sqlite/room.test.ts';
const DISK = 'test/journal/sqlite/full-disk.test.ts';
const DAEMON_DISK = 'test/system/full-disk.test.ts';
const OUTAGES = 'test/runtime/long-outages.test.ts';
const NAMES = 'test/runtime/names-and-certificates.test.ts';
const CLIENT = 'test/http/client.test.ts';
const APP = 'test/runtime/app.test.ts';
const IMAGE = 'test/image/image.test.ts';
const SECRETS = 'test/guarantees/security/secrets.test.ts';
const AUDIT = 'test/guarantees/security/audit.test.ts';

/** Models of vendors, which draw histories and compare sets. */
export const MODELS = 'vendors that change while they are read';

/** Faults of the destination, of vendors and the network, of the state and its disk, of clocks and processes. */
export const FAULTS: Readonly<Record<string, readonly Fault[]>> = {
  'the destination': [
    { fault: 'every row of the response table', file: RESPONSES },
    ...rows(ODD_RESPONSES, {
      'statuses that are no answer': 'a status that is not an answer is retried like a 502',
      'headers above 64 KiB': 'response headers that take more than 64 KiB are an error that says so',
      'bytes that are no HTTP': 'a response that the HTTP library rejects is explained in words: %s',
      'a request that never settles':
        'a request that never settles is given up five seconds after its time-out',
    }),
    ...rows(RESPONSES, {
      'a success whose body is cut': 'a success that is cut',
      'a success whose body is garbled': 'a success in a coding that does not fit',
      'a success whose body is oversized': 'a success with a body above 4 MiB',
      'a login page instead of an answer': 'HTML, then repaired',
    }),
    ...rows(SENDER, {
      'a body that stops half-way': 'a request to a server with the fault %s is sent once and ends in time',
      'a body that comes byte by byte': 'a response that arrives byte by byte ends at the time-out',
    }),
    ...rows(NAMES, {
      'DNS that fails, and a name that moves; the same for vendors':
        'when the name of the %s cannot be looked up and then has another address, each record arrives once',
      'a certificate that expires and is renewed; the same for vendors':
        'when the certificate of the %s expires and is renewed, each record arrives once',
    }),
    ...rows('test/otlp/agent.test.ts', {
      'a certificate that is unknown or of another name': 'a certificate %s is refused',
      'a client certificate that is renewed':
        'a client certificate is sent, and one that replaces it is used without a restart',
    }),
    ...rows(UNANSWERED, {
      'slower than the time-out':
        'a receiver that needs longer than the time-out gets every record, with few repeats',
      'a reset at one record': 'at which a receiver resets the connection, holds back no other',
      'away, then back': 'a receiver that was down gets the same request when it is back',
    }),
    ...rows(OUTAGES, {
      'away for 24 simulated hours':
        'a destination that is away for 24 hours holds up no poll, and has each record once when it is back',
    }),
    ...rows('test/deliver/backlog.test.ts', {
      'away beyond `backlog.max`':
        'an unavailable destination with a limit holds back nobody, and misses exactly what its gap says',
    }),
  ],
  'vendors and the network': [
    {
      fault:
        'random sequences of all documented errors, all odd answers and all rows of the response table, on both sides at once, for every source',
      file: 'test/guarantees/faults/odd-sequences.test.ts',
    },
    {
      fault:
        'every documented error of each vendor: what it means, and once in the middle and at the end of a poll',
      file: 'test/sources/documented-errors.test.ts',
    },
    ...rows(THROTTLING, {
      '429, with and without a time': '429 after all retries ends the poll and pauses the quota durably',
      '503 with `Retry-After`': '503 waits as its retry-after says',
      'slower than the time-out': 'time-outs are retried',
    }),
    ...rows(CLIENT, {
      'a body that is cut, a connection that is reset, 408, 500, 503':
        '%s is retried, and the later response used',
    }),
    ...rows(VENDOR_ODD, {
      'HTML instead of JSON': 'is not what a page is, whatever its label: %s',
      'JSON that is cut or garbled': 'invalid JSON is retried within the poll and reported without its text',
      'a coding that does not fit':
        'a body that does not match its content-encoding is an error that names it',
    }),
    { fault: 'an answer above `max_response_bytes`', file: 'test/collect/too-large.test.ts' },
    { fault: '401, 403, 422', file: 'test/collect/circuit.test.ts' },
    ...rows(NETWORK, {
      'a body that stops half-way': 'a body (%s) that stops half-way is a time-out',
      'a refused connection': 'a port where nobody listens is a refused connection',
    }),
    ...rows(EXPLAINED, {
      'DNS, TLS, proxies and connections that fail, on both sides':
        'each network failure is explained in the same words for sources and destinations',
    }),
    ...rows(TLS, {
      'a certificate that is unknown or of another name': '%s is rejected, and the error says what to set',
      'certificate files that are renewed':
        'the files are read again, so that a renewed certificate needs no restart',
    }),
  ],
  'the state and its disk': [
    {
      fault: 'ENOSPC or EIO at the n-th write or the n-th sync, for a range of n',
      file: 'test/guarantees/faults/failing-disk.test.ts',
    },
    ...rows('test/guarantees/faults/damaged-state.test.ts', {
      'a database that is corrupt, truncated, removed or restored, after a kill':
        'a database that is $damage after a kill is refused, or goes on with the log beside it',
      'a log (`-wal`) that is corrupt, truncated, removed or restored, after a kill':
        'a log that is $damage after a kill takes the state back to its last whole commit',
      'a lock that is corrupt, truncated, removed or restored, after a kill':
        'a lock that is $damage after a kill is no matter',
    }),
    ...rows(DAEMON_DISK, {
      'a full disk, under a daemon that is killed on it':
        'is no corruption when the daemon is killed on it: all goes on when there is room',
      'a full disk at a reload': 'ends no daemon, not even at a reload',
      'a disk that nobody may write to':
        'ends %s with exit 5 and the words; status can be read, and all goes on when it may be written',
      'a disk that is full from the start': 'with exit 5 and the words, where it is so from the start',
    }),
    ...rows(DISK, {
      'a full disk, six times under a kill':
        'a process that is killed on a full disk loses nothing, before and after there is space again',
      'a state that is read where nobody may write': 'a closed state can be read where nobody may write',
    }),
    ...rows(DIRECTORY, {
      'a corrupt database': 'a database with damaged pages is refused',
      'a truncated database': 'an empty database file is refused',
      'a database that is lost':
        'a state that has lost its database is refused, and the error lists the choices',
      'a place where no state can be made':
        'a state that cannot be written is refused, and the error says why',
      'a foreign lock': 'a foreign lock file is refused',
      'a newer state': 'a state of a newer release is refused, and the error says how to go back',
      'a file that is removed while it is open': 'was removed while it was open',
    }),
    {
      fault: 'files that are removed, and copies that are restored',
      file: 'test/system/state-files.test.ts',
    },
    ...rows(OUTAGES, {
      'the journal at its cap, under a daemon':
        'at the cap of the journal nothing is requested; delivery goes on when it can, then polling does, and nothing is lost',
    }),
    ...rows('test/collect/commit.test.ts', {
      'the journal at its cap, for counters, which cannot be read again later':
        'a gap that a full journal causes is logged at once, and shipped when there is room',
    }),
    ...rows(ROOM, {
      'the journal at its cap': 'at the cap undelivered pages are kept, and there is no room',
      'a journal above it': 'a journal that is a quarter above the cap is critical',
    }),
    {
      fault: 'a commit before its sync',
      file: 'test/system/durability.test.ts',
    },
  ],
  PostgreSQL: POSTGRES_FAULTS,
  security: [
    ...rows(SECRETS, {
      'secrets, tokens, sessions and signatures that are echoed, in any spelling: searched in every byte that is written or sent':
        'no secret is in any log, error, metric, dead letter, state, export or record, in any spelling, whoever echoes it',
      'the same with the state on PostgreSQL: searched in every table':
        'no secret is in any output or table, in any spelling, whoever echoes it',
      'a database that rejects the password': 'a password that the database rejects is in no output',
      'the search itself': 'the search for secrets sees each output: what is planted there is found',
    }),
    {
      fault: 'configurations with mistakes around a secret',
      file: 'test/guarantees/security/secret-mistakes.test.ts',
    },
    { fault: 'credentials that are echoed with each status', file: 'test/cli/echoed-credentials.test.ts' },
    {
      fault:
        'redirects and links to other origins, by every vendor, token endpoint, receiver of logs and of metrics: connected to is what the configuration names, all else is refused',
      file: 'test/guarantees/security/origins.test.ts',
    },
    ...rows(DIRECTORY, {
      'modes of the state’s files': 'a first run creates the directory and its files for the owner alone',
    }),
    {
      fault: 'umask 000: modes of everything that every command writes',
      file: 'test/guarantees/security/file-modes.test.ts',
    },
    ...rows(IMAGE, {
      'the image’s user': 'says how it is run, and what it is',
      'a root file system that is read-only, and no network':
        'runs the demo without a network and with a read-only root, as process 1 of its user',
      'files of the image that its user may write to':
        'has its state directory, of its user, and nothing else that this user may write to, read-only or not',
      'no capability': 'needs no capability and no way to gain rights',
      'package managers, setuid and setgid in the image':
        'has no package manager, and no program with rights of its own',
      'a secret of the build in the image': 'has no secret of its build, in no layer, variable or label',
      'what the image holds, in a bill of materials': 'has a bill of materials of the packages that it holds',
    }),
    {
      fault: 'the bill of materials: complete, valid CycloneDX',
      file: 'test/guarantees/security/sbom.test.ts',
    },
    ...rows(AUDIT, {
      'a known advisory about a package that is shipped':
        'the audit fails where the registry knows an advisory about what is shipped, and names it',
      'a registry without advisories': 'the audit says that it is skipped where the registry answers %i',
    }),
  ],
  [MODELS]: [
    {
      fault:
        'the five sources in code: late records, ties, equal rows, changes, counters, failures, clocks that are set, kills at any durable step',
      file: 'test/guarantees/models/code.test.ts',
    },
    {
      fault:
        'a declarative source of each kind of cursor: the same, with inserts, updates and deletes while a list is read',
      file: 'test/guarantees/models/declarative.test.ts',
    },
    { fault: 'histories that once showed a fault', file: 'test/guarantees/models/kept.test.ts' },
    {
      fault: 'a cursor, a ledger and a journal that are broken on purpose are noticed',
      file: 'test/guarantees/models/broken.test.ts',
    },
    {
      fault: 'declarative windows and snapshots: records that move past a walk while a list is read',
      file: 'test/sources/_declarative/changing.test.ts',
    },
    {
      fault: 'QRadar and JSA: clocks that come from a proxy or a cache',
      file: 'test/sources/_qradar/clock-truth.test.ts',
    },
    {
      fault: 'Petra incidents: the order of changes, the rate limit, a vendor that is away',
      file: 'test/sources/petra-incidents/truth.test.ts',
    },
    {
      fault: 'Petra failed attacks: each answer that became durable',
      file: 'test/sources/petra-failed-attacks/counting.test.ts',
    },
    {
      fault: 'BotBye: zones, days and months, final counts, spans that are read or missed',
      file: 'test/sources/botbye-declined-requests/counting.test.ts',
    },
  ],
  'clocks and processes': [
    ...rows(APP, {
      'clocks that jump by a day, ours and the vendor’s':
        'the daemon loses nothing when $whose clock jumps by $jump ms',
      'a vendor’s clock that jumps ahead and back':
        'the daemon loses nothing when the vendor’s clock jumps ahead and back',
    }),
    { fault: 'two processes on one state', file: 'test/system/waiting.test.ts' },
    {
      fault: 'a commit order that is broken on purpose is noticed by the kill matrix',
      file: 'test/guarantees/kills/broken-order.test.ts',
    },
  ],
};

/** Matches the full name of a test, whatever stands for `%s` and `$name`. */
export function titlePattern(title: string): string {
  return title
    .split(/%[sijd]|\$\w+/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('.*');
}
