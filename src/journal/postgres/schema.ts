/**
 * The schema as a list of migrations: number N − 1 leads to version N. A released migration is never edited; a later
 * release appends one. The tables are those of SQLite, with what several replicas need: `lease`, `replica` and `head`. Times
 * are epoch milliseconds unless the column has a type for times; `value`, `cursor` and the like are JSON, as text because
 * `jsonb` refuses some of it. No table refers to another by a foreign key: each row of a ledger would lock its stream.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE penstock.meta (
    name text PRIMARY KEY,
    value text NOT NULL
  );

  CREATE TABLE penstock.source (
    name text PRIMARY KEY,
    type text,
    origin text,
    account text,
    next_due bigint
  );

  CREATE TABLE penstock.stream (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    source text NOT NULL,
    type text NOT NULL,
    origin text NOT NULL,
    account text NOT NULL,
    scope text NOT NULL,
    cursor_version integer NOT NULL,
    cursor text,
    last_complete bigint,
    last_error text,
    deferred bigint NOT NULL DEFAULT 0,
    dropped bigint NOT NULL DEFAULT 0,
    orphaned boolean NOT NULL DEFAULT false,
    known_since bigint,
    asked bigint
  ) WITH (fillfactor = 70);
  CREATE INDEX stream_of ON penstock.stream (source);

  CREATE TABLE penstock.ledger (
    stream bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    -- The rest of a long key: an index holds no more than 2,700 bytes.
    rest text,
    at bigint NOT NULL,
    uid text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (stream, key)
  );
  CREATE INDEX ledger_at ON penstock.ledger (stream, at);

  -- The size of each stream's ledger, so that it need not be counted.
  CREATE TABLE penstock.ledger_size (
    stream bigint PRIMARY KEY,
    entries bigint NOT NULL,
    bytes bigint NOT NULL
  ) WITH (fillfactor = 70);

  -- The last page that was appended, and the records and bytes of all pages up to it, also of those that were trimmed.
  -- Whoever appends locks this row until the end of the transaction: pages become visible in the order of their numbers.
  CREATE TABLE penstock.head (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    sequence bigint NOT NULL,
    records bigint NOT NULL,
    bytes bigint NOT NULL
  ) WITH (fillfactor = 10);
  INSERT INTO penstock.head (sequence, records, bytes) VALUES (0, 0, 0);

  CREATE TABLE penstock.page (
    sequence bigint PRIMARY KEY,
    stream bigint NOT NULL,
    dataset text NOT NULL,
    lane text NOT NULL,
    count integer NOT NULL,
    observed_at bigint NOT NULL,
    committed_at bigint NOT NULL,
    bytes bigint NOT NULL,
    -- Of all pages that were ever appended before it, so that what waits behind a position need not be counted.
    records_before bigint NOT NULL,
    bytes_before bigint NOT NULL,
    -- OTLP log records, one after another, compressed with zstd where that is smaller.
    records bytea NOT NULL
  );
  -- Compressed already. Those of more than 2 kB are kept beside the rows.
  ALTER TABLE penstock.page ALTER COLUMN records SET STORAGE EXTERNAL;
  -- What waits of some sources is read from this instead of the rows.
  CREATE INDEX page_of ON penstock.page (stream, sequence) INCLUDE (count, bytes, committed_at);
  CREATE INDEX page_bytes ON penstock.page (bytes_before);
  CREATE INDEX page_age ON penstock.page (committed_at, sequence);

  CREATE TABLE penstock.destination (
    name text COLLATE "C" PRIMARY KEY,
    sequence bigint NOT NULL,
    page_offset integer NOT NULL,
    last_response text,
    responded_at bigint,
    paused text,
    paused_at bigint,
    last_named bigint NOT NULL,
    -- How many dead letters it has, and what they take, so that they need not be counted.
    dead_letters bigint NOT NULL DEFAULT 0,
    dead_letter_bytes bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 50);

  -- Events skipped for a destination whose backlog was at its limit. Until it has ended it may grow. sources: a count of each.
  CREATE TABLE penstock.destination_gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text NOT NULL,
    from_at bigint NOT NULL,
    to_at bigint NOT NULL,
    events bigint NOT NULL,
    sources text NOT NULL,
    opened bigint NOT NULL,
    ended bigint
  );

  CREATE TABLE penstock.coverage (
    stream bigint NOT NULL,
    from_at bigint NOT NULL,
    to_at bigint NOT NULL,
    PRIMARY KEY (stream, from_at)
  );

  CREATE TABLE penstock.gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream bigint NOT NULL,
    part text NOT NULL,
    reason text NOT NULL,
    from_at bigint NOT NULL,
    to_at bigint NOT NULL,
    opened bigint NOT NULL,
    closed bigint,
    emitted boolean NOT NULL
  );
  CREATE INDEX gap_of ON penstock.gap (stream, reason);

  CREATE TABLE penstock.poll (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream bigint NOT NULL,
    source text NOT NULL,
    at bigint NOT NULL,
    duration_ms double precision NOT NULL,
    requests bigint NOT NULL,
    rows bigint NOT NULL,
    new bigint NOT NULL,
    changed bigint NOT NULL,
    outcome text NOT NULL,
    error text
  );
  CREATE INDEX poll_of ON penstock.poll (stream, id);

  -- A request spent, by the clock of the database.
  CREATE TABLE penstock.quota (
    quota text NOT NULL,
    at bigint NOT NULL
  );
  CREATE INDEX quota_of ON penstock.quota (quota, at);

  -- A row for each quota that was ever spent: whoever spends locks it. Paused until then, by the clock of the database.
  CREATE TABLE penstock.pause (
    quota text PRIMARY KEY,
    until bigint NOT NULL,
    since bigint NOT NULL,
    -- The longest window that anybody has spent it with, milliseconds: its requests count for so long.
    longest bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 50);

  -- What the replicas report of their sources and destinations, by subject.
  CREATE TABLE penstock.state (
    subject text PRIMARY KEY,
    value text NOT NULL
  ) WITH (fillfactor = 70);

  CREATE TABLE penstock.job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A hash of what it asks for: of open jobs that ask for the same there is one.
    same text NOT NULL,
    kind text NOT NULL,
    source text,
    destination text,
    details text NOT NULL,
    created bigint NOT NULL,
    progress text,
    finished bigint,
    outcome text
  );
  CREATE UNIQUE INDEX job_open ON penstock.job (same) WHERE finished IS NULL;

  CREATE TABLE penstock.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text NOT NULL,
    stream bigint NOT NULL,
    dataset text NOT NULL,
    lane text NOT NULL,
    uid text NOT NULL,
    at bigint NOT NULL,
    status integer,
    reason text NOT NULL,
    observed_at bigint NOT NULL,
    record bytea NOT NULL,
    UNIQUE (destination, uid)
  );
  CREATE INDEX dead_letter_of ON penstock.dead_letter (destination, id);

  -- The processes that share the state. Those that did not renew have ended.
  CREATE TABLE penstock.replica (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    command text NOT NULL,
    since timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    shares boolean NOT NULL,
    wants_source integer NOT NULL,
    wants_destination integer NOT NULL
  ) WITH (fillfactor = 50);

  -- Who works on a source or a destination, and until when. Each holder has a higher epoch; each write of one, a higher
  -- revision, by which it sees that the database went back.
  CREATE TABLE penstock.lease (
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    holder uuid,
    epoch bigint NOT NULL,
    revision bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, name)
  ) WITH (fillfactor = 50);
  CREATE INDEX lease_of ON penstock.lease (holder);
  `,
];

/** The tables that these migrations make. */
export function tablesOf(migrations: readonly string[]): readonly string[] {
  return [...migrations.join('\n').matchAll(/CREATE TABLE penstock\.(\w+)/g)].map(([, name]) => name ?? '');
}
