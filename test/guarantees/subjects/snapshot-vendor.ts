import { type Case, definition, json, Log, refused } from '../../system/declarative/vendor.ts';

/** A vendor without times in its requests: each poll reads the whole list. */
export const SNAPSHOT: Case = {
  name: 'a snapshot',
  definition: definition(
    'whole-list',
    `auth: { bearer: "{{ options.token }}" }
request: { path: /list }
cursor: { snapshot: {} }
paging: { next_token: { from: next, query: after } }
records: rows
key: [id]
map: { "@timestamp": at, event.action: action }
`,
  ),
  options: 'token: key-of-lists',
  vendor: (random) => {
    const log = new Log(random);
    return {
      happen: () => void log.addLate(),
      truth: () => log.truth(),
      answer: ({ headers, query }) => {
        if (headers['authorization'] !== 'Bearer key-of-lists') return refused(401, 'who are you?');
        const begin = Number(query.get('after') ?? '0');
        const rows = log.rows.slice(begin, begin + 50);
        return json({
          rows: rows.map(({ id, at, action }) => ({ id, at: new Date(at).toISOString(), action })),
          next: begin + 50 < log.rows.length ? String(begin + 50) : null,
        });
      },
    };
  },
};
