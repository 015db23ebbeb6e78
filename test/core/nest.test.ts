import { expect, test } from 'vitest';
import { nest } from '../../src/core/event.ts';
import { toJson } from '../../src/core/json.ts';

test('a document is nested as its names say, also where objects of JavaScript have such a name', () => {
  const event = {
    'acme.owner': 'anna',
    'acme.constructor.keys': 'x',
    'acme.__proto__.polluted': 'yes',
    'acme.to_string': 'y',
  };

  const text = toJson(nest(event));

  expect(text).toBe(
    '{"acme":{"owner":"anna","constructor":{"keys":"x"},"__proto__":{"polluted":"yes"},"to_string":"y"}}',
  );
  expect({}).not.toHaveProperty('polluted');
});
