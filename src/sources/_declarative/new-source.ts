/** The files of a new source type, by their paths in its folder. They agree with each other: its fixture passes. */
export function newSource(id: string): ReadonlyMap<string, string> {
  const names: Names = { id, ...namesOf(id) };
  const filled = (text: string) =>
    text.replaceAll(/%(id|title|vendor|dataset)%/g, (_, name: keyof Names) => names[name]);
  return new Map([
    ['source.yaml', filled(DEFINITION)],
    ['README.md', filled(README)],
    ['fixtures/two-pages.yaml', filled(FIXTURE)],
  ]);
}

interface Names {
  readonly id: string;
  readonly title: string;
  readonly vendor: string;
  readonly dataset: string;
}

/** `acme-audit-log` is the vendor Acme, and its dataset acme.audit_log. */
function namesOf(id: string): Omit<Names, 'id'> {
  const [first = id, ...rest] = id.split('-').filter((word) => word !== '');
  const vendor = first.charAt(0).toUpperCase() + first.slice(1);
  return {
    vendor,
    title: [vendor, ...rest].join(' '),
    dataset: `${first}.${rest.length === 0 ? 'events' : rest.join('_')}`,
  };
}

const DEFINITION = `# A source type of Penstock. Change each part to what the vendor's documents say, then run: penstock source test %id%

id: %id% # Part of every event's id: do not change it later.
title: "%title%"
vendor: "%vendor%"
product: "%vendor%"
dataset: %dataset% # event.dataset; vendor fields are stored as %dataset%.<path>.
event: { kind: event, category: [configuration], type: [change] } # Of every event; \`map\` may set others.
base_url: https://api.vendor.example # What a source uses unless it has its own; remove it when each customer has another.

# Options of a source, beside those that all have (token, schedule, quota, …).
options:
  organization: { type: string, required: true, description: Id of the organization whose log is read. }
# Options that say what is read. They are part of the key of the stream, so that two organizations are two streams.
scope: [organization]

# bearer, basic, query, headers, oauth2, login or sign. A secret stands nowhere else in a URL.
auth: { bearer: "{{ options.token }}" }

# The vendor's documented limit. It is kept across restarts and by all sources with the same credential.
quota: { requests: 60, per: 1m }

request:
  path: /v1/organizations/{{ options.organization }}/audit
  # \`from\` and \`to\` are the ends of the window that is asked for.
  query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}", limit: "100" }

# Where the next poll goes on: window (records with times), position (a token that the vendor gives to keep), or snapshot (a
# whole list, of which changes are shipped).
cursor:
  window:
    time: created_at # Of a record.
    order: ascending # Or descending, or none.
    filter: both # What the request can name: both ends, or only \`from\`.
    settle: 1m # How late records may appear at the vendor.
    overlap: 5m # What each poll reads again. What it knows is not sent again.
    initial_lookback: 1d
    slice: 1d # The longest window that is asked for at once.

# Pages of one answer: next_url, next_token, offset, page or keyset. Remove it when an answer holds everything.
paging:
  next_token: { from: next, query: page_token }

records: data # Where the list is in an answer.
key: [id] # What identifies a record. Without an id, remove it: records are then told apart by their content.
# compare: [status] # For records that change: a change of these is an event.

# ECS field: path in the record, or { value: … }, or { cel: … }. What is not mapped is kept below %dataset%.
map:
  "@timestamp": created_at
  event.action: action
  event.outcome: { cel: 'record.?succeeded.orValue(true) ? "success" : "failure"' }
  user.name: actor.name
  user.email: actor.email
  source.ip: ip

# Types of vendor fields that are no keywords.
fields: { %dataset%.duration: long }
`;

const README = `# %title%

What is read, in a sentence.

## Permissions

The right that the token needs, and where it is made at %vendor%.

## Limits

Requests a minute; how long the vendor keeps records; how late they appear.

## What is not covered

What this source does not read. All fields that are not mapped are below \`%dataset%\`.
`;

const FIXTURE = `description: Two pages of one window; the second has a record without an address.
# Options of the source. Without a shorter lookback there would be a window for each day.
options: { organization: acme, initial_lookback: 1h }
# The clock of both sides.
now: 2026-03-02T12:00:00Z

# The requests in the order in which they are sent, and the responses to them. What a request does not name is not compared.
exchanges:
  - request:
      method: GET
      path: /v1/organizations/acme/audit
      query: { since: "2026-03-02T10:55:00.000Z", until: "2026-03-02T11:59:00.000Z", limit: "100" }
      headers: { authorization: Bearer token-of-the-fixture }
    response:
      status: 200
      body:
        data:
          - id: e-1
            created_at: "2026-03-02T11:30:00Z"
            action: user.create
            actor: { name: anna, email: anna@example.com }
            ip: 192.0.2.10
            duration: 12
        next: page-2
  - request:
      path: /v1/organizations/acme/audit
      query: { since: "2026-03-02T10:55:00.000Z", until: "2026-03-02T11:59:00.000Z", limit: "100", page_token: page-2 }
    response:
      body:
        data:
          - { id: e-2, created_at: "2026-03-02T11:31:00Z", action: key.delete, succeeded: false, actor: { name: boris } }

# The events that the records become. \`penstock source test --update\` writes them; read what it wrote.
events:
  - "@timestamp": 2026-03-02T11:30:00.000Z
    message: user.create
    event.kind: event
    event.category: [ configuration ]
    event.type: [ change ]
    event.id: e-1
    event.action: user.create
    event.outcome: success
    user.name: anna
    user.email: anna@example.com
    source.address: 192.0.2.10
    source.ip: 192.0.2.10
    %dataset%.id: e-1
    %dataset%.duration: 12
    related.ip: [ 192.0.2.10 ]
    related.user: [ anna, anna@example.com ]
  - "@timestamp": 2026-03-02T11:31:00.000Z
    message: key.delete
    event.kind: event
    event.category: [ configuration ]
    event.type: [ change ]
    event.id: e-2
    event.action: key.delete
    event.outcome: failure
    user.name: boris
    %dataset%.id: e-2
    %dataset%.succeeded: "false"
    related.user: [ boris ]
`;
