import { expect, it } from 'vitest';
import { serve } from '../../../src/simulators/server.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { drive } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { testPipeline } from '../../support/test-pipeline.ts';
import { ACME } from './definitions.ts';

const NOW = '2026-03-02T12:00:00Z';

it('a definition is polled from its first page to its last link, and its records become ECS', async () => {
  const clock = new DrivenClock(NOW);
  const rows = [
    {
      id: 1,
      created_at: '2026-03-02T11:00:00.5Z',
      action: 'user.create',
      result: 'ok',
      actor: { login: 'anna', ip: '192.0.2.1' },
      size: 5,
      requestId: 'r-1',
      flags: [true, 2],
      deep: [{ a: 1 }],
    },
    {
      id: 'b',
      created_at: '2026-03-02T12:00:01+01:00',
      action: 'user.delete',
      actor: { login: 'boris', ip: 'proxy.example.com' },
    },
    { created_at: '2026-03-02T11:00:02Z' },
  ];
  await using vendor = await serve(
    ({ query, path }) => {
      const page = Number(query.get('page') ?? 0);
      const next = `<${path}?page=${page + 1}>; rel="next"`;
      return {
        status: 200,
        headers: page === 0 ? { link: next } : {},
        body: { data: page === 0 ? rows.slice(0, 2) : rows.slice(2) },
      };
    },
    { clock },
  );
  const source = compileDefinition(ACME, 'acme/source.yaml');
  const lab = testPipeline({
    source,
    vendor,
    clock,
    config: { token: 'token-of-acme', organisation: 'a/b', initial_lookback: '12h' },
  });

  await drive(clock, lab.once());

  expect(
    vendor.requests.map(({ path, query, headers }) => [path, String(query), headers['authorization']]),
  ).toEqual([
    [
      '/v1/orgs/a%2Fb/audit',
      'since=2026-03-01T23%3A55%3A00.000Z&until=2026-03-02T11%3A59%3A00.000Z&limit=1000',
      'Bearer token-of-acme',
    ],
    ['/v1/orgs/a%2Fb/audit', 'page=1', 'Bearer token-of-acme'],
  ]);
  expect(lab.events.map(({ event }) => event)).toMatchInlineSnapshot(`
    [
      {
        "@timestamp": "2026-03-02T11:00:00.500Z",
        "acme.audit.deep": "[{"a":1}]",
        "acme.audit.flags": [
          "true",
          "2",
        ],
        "acme.audit.id": "1",
        "acme.audit.request_id": "r-1",
        "acme.audit.result": "ok",
        "acme.audit.size": 5,
        "agent.type": "penstock",
        "agent.version": "0.1.0",
        "ecs.version": "9.4.0",
        "event.action": "user.create",
        "event.category": [
          "iam",
        ],
        "event.created": "2026-03-02T12:00:00.000Z",
        "event.dataset": "acme.audit",
        "event.id": "1",
        "event.kind": "event",
        "event.module": "acme",
        "event.outcome": "success",
        "event.type": [
          "change",
        ],
        "message": "user.create",
        "observer.hostname": "vendor.example.com",
        "observer.name": "lab",
        "observer.product": "Cloud",
        "observer.vendor": "Acme",
        "related.ip": [
          "192.0.2.1",
        ],
        "related.user": [
          "anna",
        ],
        "source.address": "192.0.2.1",
        "source.ip": "192.0.2.1",
        "user.name": "anna",
      },
      {
        "@timestamp": "2026-03-02T11:00:01.000Z",
        "acme.audit.id": "b",
        "agent.type": "penstock",
        "agent.version": "0.1.0",
        "ecs.version": "9.4.0",
        "event.action": "user.delete",
        "event.category": [
          "iam",
        ],
        "event.created": "2026-03-02T12:00:00.000Z",
        "event.dataset": "acme.audit",
        "event.id": "b",
        "event.kind": "event",
        "event.module": "acme",
        "event.outcome": "failure",
        "event.type": [
          "change",
        ],
        "message": "user.delete",
        "observer.hostname": "vendor.example.com",
        "observer.name": "lab",
        "observer.product": "Cloud",
        "observer.vendor": "Acme",
        "related.user": [
          "boris",
        ],
        "source.address": "proxy.example.com",
        "user.name": "boris",
      },
      {
        "@timestamp": "2026-03-02T12:00:00.000Z",
        "agent.type": "penstock",
        "agent.version": "0.1.0",
        "ecs.version": "9.4.0",
        "error.message": "\`id\`, which is part of the key, is absent",
        "event.category": [
          "iam",
        ],
        "event.created": "2026-03-02T12:00:00.000Z",
        "event.dataset": "acme.audit",
        "event.id": "a637d00e620cdb1d8761e1209b1d43bc7c166258",
        "event.kind": "pipeline_error",
        "event.module": "acme",
        "event.original": "{"created_at":"2026-03-02T11:00:02Z"}",
        "event.type": [
          "change",
        ],
        "message": "A record did not fit its schema: \`id\`, which is part of the key, is absent",
        "observer.hostname": "vendor.example.com",
        "observer.name": "lab",
        "observer.product": "Cloud",
        "observer.vendor": "Acme",
      },
    ]
  `);
  expect(lab.cursors).toMatchInlineSnapshot(`
    Map {
      "a/b" => {
        "ahead": 0,
        "definition": {
          "as": "iso",
          "cursor": "window",
          "dataset": "acme.audit",
          "key": [
            "id",
          ],
          "scope": [
            "organisation",
          ],
          "split": null,
          "time": "created_at",
          "zone": null,
        },
        "next": "2026-03-02T11:59:00.000Z",
      },
    }
  `);
  await drive(clock, lab.once());
  expect(lab.events).toHaveLength(3);
});
