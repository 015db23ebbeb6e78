import { expect, test } from 'vitest';
import { parseListenAddress } from '../../src/config/listen-address.ts';

test.each([
  ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:9464', { host: '::1', port: 9464 }],
  [':9464', { host: undefined, port: 9464 }],
])('%s is an address', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

test.each(['9464', '127.0.0.1', '::1:9464', '127.0.0.1:70000', 'http://127.0.0.1:9464', 'host:', ''])(
  '%j is none',
  (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  },
);
