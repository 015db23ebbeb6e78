import { bodyOf, type Case, definition, json, Log, refused, ShortTokens, timeIn } from './vendor.ts';

/** Vendors that say in the answer where it goes on. */
export const BY_ANSWER: readonly Case[] = [
  {
    name: 'a link header',
    definition: definition(
      'link-header',
      `auth: { bearer: "{{ options.token }}" }
request: { path: /v1/events, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }
cursor: { window: { time: published, order: ascending, settle: 0s, initial_lookback: 3h } }
paging: { next_url: { from: { link: next } } }
records: ""
key: [uuid]
map: { "@timestamp": published, event.action: type }
`,
    ),
    options: 'token: key-of-links',
    vendor: (random) => {
      const log = new Log(random);
      return {
        happen: () => void log.addLate(),
        truth: () => log.truth(),
        answer: ({ headers, query, path }) => {
          if (headers['authorization'] !== 'Bearer key-of-links') return refused(401, 'who are you?');
          const since = query.get('since') ?? '';
          const until = query.get('until') ?? '';
          const all = log.between(timeIn(since), timeIn(until));
          const after = query.get('after');
          const begin = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
          const rows = all.slice(begin, begin + 15);
          const next = new URLSearchParams({ since, until, after: rows.at(-1)?.id ?? '' });
          const link = `<${path}?since=x>; rel="self", <${path}?${next}>; rel="next"`;
          return json(
            rows.map(({ id, at, action }) => ({
              uuid: id,
              published: new Date(at).toISOString(),
              type: action,
            })),
            begin + 15 < all.length ? { link } : {},
          );
        },
      };
    },
  },
  {
    name: 'a next URL, newest first, with OAuth',
    definition: definition(
      'next-url',
      `options: { client: { type: string, required: true } }
auth: { oauth2: { token_url: /oauth/token, client_id: "{{ options.client }}", client_secret: "{{ options.token }}", scope: read } }
request: { path: /v1.0/audits, query: { $filter: "at ge {{ iso(from) }} and at lt {{ iso(to) }}" } }
cursor: { window: { time: at, order: descending, settle: 0s, initial_lookback: 3h } }
paging: { next_url: { from: '["@odata.nextLink"]' } }
records: value
key: [id]
map: { "@timestamp": at, event.action: activity.name }
`,
    ),
    options: 'client: penstock, token: secret-of-oauth',
    vendor: (random) => {
      const log = new Log(random);
      const tokens = new ShortTokens();
      return {
        happen: () => void log.addLate(),
        truth: () => log.truth(),
        answer: ({ method, headers, query, path, body }) => {
          if (path === '/oauth/token') {
            const form = new URLSearchParams(body.toString());
            const isRight =
              form.get('grant_type') === 'client_credentials' &&
              form.get('client_id') === 'penstock' &&
              form.get('client_secret') === 'secret-of-oauth';
            if (method !== 'POST' || !isRight) return refused(400, 'invalid_client');
            return json({ access_token: tokens.next(), token_type: 'Bearer', expires_in: 3600 });
          }
          if (!tokens.takes(headers['authorization']?.slice('Bearer '.length)))
            return refused(401, 'token expired');
          const filter = query.get('$filter') ?? '';
          const [, from, to] = /^at ge (\S+) and at lt (\S+)$/.exec(filter) ?? [];
          const below = query.get('$skiptoken');
          const all = log.between(timeIn(from), timeIn(to)).toReversed();
          const begin = below === null ? 0 : all.findIndex(({ id }) => id === below) + 1;
          const rows = all.slice(begin, begin + 15);
          const next = new URLSearchParams({ $filter: filter, $skiptoken: rows.at(-1)?.id ?? '' });
          return json({
            value: rows.map(({ id, at, action }) => ({
              id,
              at: new Date(at).toISOString(),
              activity: { name: action },
            })),
            ...(begin + 15 < all.length && {
              '@odata.nextLink': `http://${headers['host']}${path}?${next}`,
            }),
          });
        },
      };
    },
  },
  {
    name: 'a token in a header, a lower bound that means later than, and 204',
    definition: definition(
      'header-token',
      `auth: { headers: { X-Api-Key: "{{ options.token }}" } }
request: { path: /feed, query: { after: "{{ epoch_s(from) }}" } }
cursor: { window: { time: ts, as: epoch_s, order: ascending, filter: from, exclusive: true, settle: 0s, initial_lookback: 3h } }
paging: { next_token: { from: { header: X-Next }, query: token, only: true } }
records: items
key: [id]
map: { "@timestamp": ts, event.action: what }
`,
    ),
    options: 'token: key-of-headers',
    vendor: (random) => {
      const log = new Log(random, { unit: 1000 });
      return {
        happen: () => void log.addLate(),
        truth: () => log.truth(),
        answer: ({ headers, query }) => {
          if (headers['x-api-key'] !== 'key-of-headers') return refused(401, 'who are you?');
          const token = query.get('token');
          if (token !== null && query.size > 1) return refused(400, 'a token stands alone');
          const [after, last] = token === null ? [query.get('after')] : atob(token).split(' ');
          if (!/^\d{10}$/.test(after ?? '')) return refused(400, 'after must be seconds');
          const all = log.between((Number(after) + 1) * 1000);
          const begin = last === undefined ? 0 : all.findIndex(({ id }) => id === last) + 1;
          const rows = all.slice(begin, begin + 15);
          if (rows.length === 0) return { status: 204 };
          return json(
            { items: rows.map(({ id, at, action }) => ({ id, ts: at / 1000, what: action })) },
            { 'x-next': btoa(`${after} ${rows.at(-1)?.id}`) },
          );
        },
      };
    },
  },
  {
    name: 'POST with a stored position',
    definition: definition(
      'stored-position',
      `auth: { bearer: "{{ options.token }}" }
request: { method: POST, path: /api/v2/events, body: { limit: 15, start_time: "{{ iso(from) }}" } }
cursor: { position: { from: cursor, more: has_more, initial_lookback: 3h, request: { body: { limit: 15, cursor: "{{ position }}" } } } }
records: items
key: [uuid]
map: { "@timestamp": timestamp, event.action: action }
`,
    ),
    options: 'token: key-of-positions',
    vendor: (random) => {
      const log = new Log(random);
      return {
        happen: () => void log.addLate(),
        truth: () => log.truth(),
        answer: (request) => {
          if (request.method !== 'POST') return refused(405, 'POST only');
          const asked = bodyOf(request) as { limit: number; cursor?: string; start_time?: string };
          if (asked.limit !== 15 || (asked.cursor === undefined) === (asked.start_time === undefined))
            return refused(400, 'a limit, and a cursor or a start');
          // In the order of arrival: a late record is the last one.
          const begin =
            asked.cursor === undefined
              ? log.rows.findIndex(({ at }) => at >= timeIn(asked.start_time))
              : Number(atob(asked.cursor));
          const rows = log.rows.slice(begin, begin + 15);
          return json({
            cursor: btoa(String(begin + rows.length)),
            has_more: begin + rows.length < log.rows.length,
            items: rows.map(({ id, at, action }) => ({
              uuid: id,
              timestamp: new Date(at).toISOString(),
              action,
            })),
          });
        },
      };
    },
  },
  {
    name: 'the id of the last record as position, which expires',
    definition: definition(
      'last-id',
      `auth: { basic: { username: reader, password: "{{ options.token }}" } }
request: { path: /logs, query: { since: "{{ iso(from) }}", take: "15" } }
cursor:
  position:
    from: { last: id }
    order: ascending
    time: at
    as: iso
    initial_lookback: 3h
    request: { query: { after: "{{ position }}", take: "15" } }
    expired: { status: [410] }
records: logs
key: [id]
map: { "@timestamp": at, event.action: action }
`,
    ),
    options: 'token: key-of-readers',
    gaps: 1,
    vendor: (random) => {
      const log = new Log(random);
      const gone = new Set<string>();
      let asked = 0;
      return {
        happen: () => void log.add(Date.now()),
        truth: () => log.truth(),
        answer: ({ headers, query }) => {
          if (headers['authorization'] !== `Basic ${btoa('reader:key-of-readers')}`)
            return refused(401, 'who are you?');
          const after = query.get('after');
          asked += 1;
          // The record itself goes too: what came between it and the next one nobody can tell.
          if (asked >= 11 && gone.size === 0 && after !== null) gone.add(after);
          if (after !== null && gone.has(after)) return refused(410, 'this id is gone');
          const begin =
            after === null
              ? log.rows.findIndex(({ id, at }) => at >= timeIn(query.get('since')) && !gone.has(id))
              : log.rows.findIndex(({ id }) => id === after) + 1;
          const rows = begin < 0 ? [] : log.rows.slice(begin, begin + 15);
          return json({
            logs: rows.map(({ id, at, action }) => ({ id, at: new Date(at).toISOString(), action })),
          });
        },
      };
    },
  },
];
