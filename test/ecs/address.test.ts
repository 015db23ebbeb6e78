import { describe, expect, it } from 'vitest';
import { addressOf } from '../../src/ecs/address.ts';

describe('addressOf', () => {
  it.each(['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'])('gives address and ip of %s', (address) => {
    expect(addressOf('source', address)).toEqual({ 'source.address': address, 'source.ip': address });
  });

  it.each(['host.example', '192.0.2.256', '192.0.2.1:443', '010.0.0.1', 'fe80::1%eth0', ' '])(
    'gives only the address of %j',
    (address) => {
      expect(addressOf('client', address)).toEqual({ 'client.address': address });
    },
  );

  it.each(['', undefined])('gives nothing of %j', (address) => {
    expect(addressOf('source', address)).toEqual({});
  });
});
