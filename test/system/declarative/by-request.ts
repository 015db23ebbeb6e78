import { createHash, createHmac } from 'node:crypto';
import {
  bodyOf,
  type Case,
  definition,
  json,
  Log,
  refused,
  type Row,
  ShortTokens,
  timeIn,
  words,
} from './vendor.ts';

const iso = (at: number) => new Date(at).toISOString();

/** An order that has nothing to do with time. */
const place = ({ id }: Row) => createHash('sha1').update(id).digest('hex');
/** What changed: up to three fields, or none. */
const fieldsOf = ({ id }: Row) => ['role', 'mail', 'name'].slice(0, Number(id.slice(3)) % 4);
/** Some ids have no detail. */
const hasDetail = ({ id }: Row) => Number(id.slice(3)) % 10 !== 0;

/** Vendors whose requests say where it goes on. */
export const BY_REQUEST: readonly Case[] = [
  {
    name: 'a signed offset, with changes',
    moves: true,
    definition: definition(
      'signed-offset',
      `options: { key_id: { type: string, required: true } }
auth: { sign: { headers: { Date: "{{ date }}", Authorization: '{{ "Basic " + base64(options.key_id + ":" + hex(hmac_sha1(options.token, join([date, method, host, path, sorted_query], "\\n")))) }}' } } }
request: { path: /admin/v2/alerts, query: { mintime: "{{ epoch_ms(from) }}", maxtime: "{{ epoch_ms(to) }}", limit: "15" } }
cursor: { window: { time: updated_at, order: ascending, settle: 0s, initial_lookback: 3h } }
paging: { offset: { query: offset, size: 15, total: metadata.total } }
records: response
key: [id]
compare: [status]
map: { "@timestamp": updated_at, event.id: id, event.action: status }
`,
    ),
    options: 'key_id: KEY, token: secret-of-signatures',
    vendor: (random) => {
      const log = new Log(random);
      const current = new Map<string, Row>(log.rows.map((row) => [row.id, row]));
      const versions = log.truth();
      // A record that was read before changes, once; so each of its versions must arrive.
      const change = (row: Row) => {
        const changed = { ...row, at: Date.now(), action: 'closed' };
        current.set(row.id, changed);
        versions.push(words(changed.id, changed.action, changed.at));
      };
      let shown: Row[] = [];
      let changes = 0;
      return {
        happen: () => {
          const late = log.addLate();
          current.set(late.id, late);
          versions.push(words(late.id, late.action, late.at));
        },
        truth: () => versions,
        answer: ({ method, headers, query, path }) => {
          const sorted = [...query]
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
            .join('&');
          const text = [headers['date'], method, headers['host'], path, sorted].join('\n');
          const signature = createHmac('sha1', 'secret-of-signatures').update(text).digest('hex');
          if (headers['authorization'] !== `Basic ${btoa(`KEY:${signature}`)}`)
            return refused(401, 'wrong signature');
          const all = [...current.values()]
            .filter(({ at }) => at >= Number(query.get('mintime')) && at < Number(query.get('maxtime')))
            .toSorted((a, b) => a.at - b.at);
          const offset = Number(query.get('offset') ?? '0');
          const rows = all.slice(offset, offset + 15);
          // The page before was committed before this one was asked for.
          const first = offset === 30 ? shown[0] : undefined;
          if (
            changes < 6 &&
            first !== undefined &&
            current.get(first.id) === first &&
            first.action !== 'closed'
          ) {
            changes += 1;
            change(first);
          }
          shown = rows;
          return json({
            metadata: { total: all.length },
            response: rows.map(({ id, at, action }) => ({ id, updated_at: iso(at), status: action })),
          });
        },
      };
    },
  },
  {
    name: 'page numbers, in no order',
    definition: definition(
      'page-numbers',
      `auth: { query: { name: key, value: "{{ options.token }}" } }
request: { path: /audit, query: { from: "{{ iso(from) }}", to: "{{ iso(to) }}" } }
cursor: { window: { time: when, as: { format: "yyyy-MM-dd HH:mm:ss.SSS", zone: UTC }, order: none, settle: 0s, initial_lookback: 3h } }
paging: { page: { query: page, first: 0, pages: pages } }
records: rows
key: [id]
map: { "@timestamp": when, event.action: action }
`,
    ),
    options: 'token: key-of-pages',
    vendor: (random) => {
      const log = new Log(random, { count: 80 });
      return {
        happen: () => void log.addLate(),
        truth: () => log.truth(),
        answer: ({ query }) => {
          if (query.get('key') !== 'key-of-pages') return refused(403, 'who are you?');
          const all = log
            .between(timeIn(query.get('from')), timeIn(query.get('to')))
            .toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
          const page = Number(query.get('page'));
          return json({
            pages: Math.ceil(all.length / 15),
            rows: all.slice(page * 15, page * 15 + 15).map(({ id, at, action }) => ({
              id,
              when: iso(at).slice(0, -1).replace('T', ' '),
              action,
            })),
          });
        },
      };
    },
  },
  {
    name: 'a log-in session, offsets in the body, absent lists and split',
    definition: definition(
      'log-in',
      `options: { user: { type: string, required: true } }
auth: { login: { request: { path: /session, body: { user: "{{ options.user }}", password: "{{ options.token }}" } }, token: data.session, headers: { X-Session: "{{ session }}" } } }
request: { method: POST, path: /search, body: { since: "{{ epoch_ms(from) }}", until: "{{ epoch_ms(to) }}", page: { limit: 15 } } }
cursor: { window: { time: at, as: epoch_ms, order: ascending, settle: 0s, initial_lookback: 3h } }
paging: { offset: { body: page.offset, size: 15 } }
records: { path: hits, empty: [absent] }
split: changes
key: [id, item.field]
map: { "@timestamp": at, event.id: id, event.action: action, event.reason: item.field }
`,
    ),
    options: 'user: anna, token: password-of-anna',
    told: (event) =>
      words(
        String(event['event.id']),
        `${String(event['event.action'])}/${String(event['event.reason'] ?? 'none')}`,
        Date.parse(String(event['@timestamp'])),
      ),
    vendor: (random) => {
      const log = new Log(random);
      const tokens = new ShortTokens();
      return {
        happen: () => void log.addLate(),
        truth: () =>
          log.rows.flatMap((row) => {
            const fields = fieldsOf(row);
            const parts = fields.length === 0 ? ['none'] : fields;
            return parts.map((field) => words(row.id, `${row.action}/${field}`, row.at));
          }),
        answer: (request) => {
          if (request.path === '/session') {
            const { user, password } = bodyOf(request) as { user: string; password: string };
            if (user !== 'anna' || password !== 'password-of-anna') return refused(401, 'wrong password');
            return json({ data: { session: tokens.next() } });
          }
          if (!tokens.takes(request.headers['x-session'])) return refused(401, 'session expired');
          const { since, until, page } = bodyOf(request) as {
            since: number;
            until: number;
            page: { limit: number; offset?: number };
          };
          if (typeof since !== 'number' || page.limit !== 15) return refused(400, 'wrong types');
          const offset = page.offset ?? 0;
          const rows = log.between(since, until).slice(offset, offset + 15);
          if (rows.length === 0) return json({ took: 1 });
          return json({
            hits: rows.map((row) => {
              const changes = fieldsOf(row).map((field) => ({ field }));
              return { id: row.id, at: row.at, action: row.action, ...(changes.length > 0 && { changes }) };
            }),
          });
        },
      };
    },
  },
  {
    name: 'keyset with ties, and equal records without ids',
    definition: definition(
      'keyset',
      `auth: { bearer: "{{ options.token }}" }
request: { path: /q, query: { from: "{{ epoch_s(from) }}", to: "{{ epoch_s(to) }}" } }
cursor: { window: { time: ts, as: epoch_s, order: ascending, settle: 0s, initial_lookback: 3h } }
paging: { keyset: { size: 15 } }
records: data
map: { "@timestamp": ts, event.action: action }
`,
    ),
    options: 'token: key-of-ties',
    told: (event) => words('', String(event['event.action']), Date.parse(String(event['@timestamp']))),
    vendor: (random) => {
      const log = new Log(random, { count: 0, unit: 1000 });
      const start = Date.now() - 3_600_000;
      const rows = Array.from({ length: 200 }, (_, index) => start + Math.floor(index / 4) * 1000);
      const actions = rows.map((at) => {
        log.add(at);
        return `action-${Math.floor(random() * 3)}`;
      });
      const actionOf = ({ id }: Row) => actions[Number(id.slice(3))] ?? id;
      return {
        happen: () => void log.addLate(),
        truth: () => log.rows.map((row) => words('', actionOf(row), row.at)),
        answer: ({ headers, query }) => {
          if (headers['authorization'] !== 'Bearer key-of-ties') return refused(401, 'who are you?');
          const found = log.between(Number(query.get('from')) * 1000, Number(query.get('to')) * 1000);
          return json({
            data: found.slice(0, 15).map((row) => ({ ts: row.at / 1000, action: actionOf(row) })),
          });
        },
      };
    },
  },
  {
    name: 'ids in a list, and details by POST',
    definition: definition(
      'details',
      `auth: { bearer: "{{ options.token }}" }
request: { path: /ids, query: { from: "{{ epoch_us(from) }}", to: "{{ epoch_us(to) }}" } }
cursor: { window: { time: created, order: ascending, settle: 0s, initial_lookback: 3h } }
paging: { next_token: { from: meta.next, query: next } }
records: resources
key: [id]
expand: { ids: id, size: 7, request: { method: POST, path: /details, body: { ids: "{{ ids }}" } }, records: resources, key: id }
map: { "@timestamp": created, event.action: { cel: 'record.?detail.?action.orValue("listed")' } }
`,
    ),
    options: 'token: key-of-details',
    vendor: (random) => {
      const log = new Log(random);
      return {
        happen: () => void log.addLate(),
        truth: () => log.rows.map((row) => words(row.id, hasDetail(row) ? row.action : 'listed', row.at)),
        answer: (request) => {
          if (request.headers['authorization'] !== 'Bearer key-of-details')
            return refused(401, 'who are you?');
          if (request.path === '/details') {
            const { ids } = bodyOf(request) as { ids: string[] };
            if (ids.length > 7) return refused(400, 'too many ids');
            const found = log.rows.filter((row) => ids.includes(row.id) && hasDetail(row)).toReversed();
            return json({
              resources: found.map(({ id, at, action }) => ({ id, created: iso(at), detail: { action } })),
            });
          }
          const { query } = request;
          const all = log.between(Number(query.get('from')) / 1000, Number(query.get('to')) / 1000);
          const after = query.get('next');
          const begin = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
          const rows = all.slice(begin, begin + 15);
          return json({
            meta: { next: begin + 15 < all.length ? rows.at(-1)?.id : null },
            resources: rows.map(({ id, at }) => ({ id, created: iso(at) })),
          });
        },
      };
    },
  },
];
