import { expect, it } from 'vitest';
import { load, problemsOf, SIEM } from './support/configuration.ts';

function withShape(shape: string): string {
  return `${SIEM}sources:
  door:
    type: acme-logins
    base_url: https://acme.example.com
    token: secret-token
    shape:
${shape}`;
}

it('every mistake in a shape is reported at once, at its character', async () => {
  const problems = await problemsOf(
    withShape(`      drop:
        - event.outcome == "success" && user.nmae == "x"
        - 'user.name = "x"'
        - |
          user.name == "x" &&
          usr.name == "y"
        - user.name > 5
        - user.name
      remove: [user.emial, '@timestamp', user, event.id]
      hash: { fields: [source.ip, user.name, event.outcome], key: a-key-of-the-hashes }
`),
  );

  expect(problems.map((problem) => problem.replace(/^.*penstock\\.yaml:/, ''))).toMatchInlineSnapshot(`
    [
      "penstock.yaml:9:46 sources.door.shape.drop[0]: there is no \`nmae\`; did you mean \`name\`?",
      "penstock.yaml:10:22 sources.door.shape.drop[1]: unexpected character: =",
      "penstock.yaml:13:11 sources.door.shape.drop[2]: there is no variable \`usr\`; did you mean \`user\`?",
      "penstock.yaml:14:11 sources.door.shape.drop[3]: no such overload: string > int",
      "penstock.yaml:15:11 sources.door.shape.drop[4]: expected an expression that is true or false (it is of type string)",
      "penstock.yaml:16:16 sources.door.shape.remove[0]: there is no field \`user.emial\`; did you mean \`user.email\`?",
      "penstock.yaml:16:28 sources.door.shape.remove[1]: \`@timestamp\` must stay: every record has its time",
      "penstock.yaml:16:42 sources.door.shape.remove[2]: there is no field \`user\`; did you mean \`user.id\`?",
      "penstock.yaml:16:48 sources.door.shape.remove[3]: \`event.id\` must stay: it identifies the event",
      "penstock.yaml:17:24 sources.door.shape.hash.fields[0]: \`source.ip\` is of type ip, which holds no hash; remove it instead, and hash \`source.address\`, which has the same value",
      "penstock.yaml:17:46 sources.door.shape.hash.fields[2]: \`event.outcome\` takes only values that ECS names, not a hash",
    ]
  `);
});

it('a field that is removed and hashed is an error', async () => {
  const problems = await problemsOf(
    withShape('      remove: [user.name]\n      hash: { fields: [user.name], key: a-key }\n'),
  );

  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain('`user.name` is in `remove` as well');
});

it('a shape is compiled with the source, and its key is a secret', async () => {
  const { sources } = await load(
    withShape(
      '      drop: [\'event.outcome == "success"\']\n      hash: { fields: [user.name], key: a-key }\n      original: true\n',
    ),
  );

  const [source] = sources;
  expect(source?.shape?.judge({ 'event.outcome': 'success' }).drop).toBe(true);
  expect(source?.shape?.original).toBe(true);
  expect(JSON.stringify(source?.options.shape)).not.toContain('a-key');
});

it('a source without a shape has none', async () => {
  const { sources } = await load(
    `${SIEM}sources: { door: { type: acme-logins, base_url: https://acme.example.com, token: secret-token } }\n`,
  );

  expect(sources[0]).not.toHaveProperty('shape');
});
