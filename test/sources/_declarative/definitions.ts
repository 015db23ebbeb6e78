/** The example of the format's description: a window in ascending order, with links. */
export const ACME = `id: acme-audit
title: Acme audit log
vendor: Acme
product: Cloud
dataset: acme.audit
event: { kind: event, category: [iam], type: [change] }
docs: https://docs.acme.example/audit
base_url: https://api.acme.example
options:
  organisation: { type: string, required: true, description: Id of the organisation. }
scope: [organisation]
auth: { bearer: "{{ options.token }}" }
quota: { requests: 6000, per: 1m }
throttled:
  - { status: 403, header: x-ratelimit-remaining, equals: "0", until: { header: x-ratelimit-reset, as: epoch_s } }
request:
  path: /v1/orgs/{{ options.organisation }}/audit
  query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}", limit: "1000" }
cursor:
  window:
    time: created_at
    order: ascending
    filter: both
    settle: 1m
    overlap: 5m
    initial_lookback: 7d
    slice: 1d
paging:
  next_url: { from: { link: next } }
records: data
key: [id]
map:
  "@timestamp": created_at
  event.action: action
  event.outcome: { cel: 'record.?result.orValue("") == "ok" ? "success" : "failure"' }
  user.name: actor.login
  source.ip: actor.ip
rest: vendor
fields: { acme.audit.size: long }
`;
