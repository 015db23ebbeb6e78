import { expect, test } from 'vitest';
import { networkFileSystem } from '../../../src/journal/sqlite/files.ts';

test.each([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xff534d42 | 0, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
])('%i is a network file system: %s', (type, name) => {
  expect(networkFileSystem(type)).toBe(name);
});

test.each([
  ['ext4', 0xef53],
  ['xfs', 0x58465342],
  ['btrfs', 0x9123683e],
  ['tmpfs', 0x01021994],
  ['overlay', 0x794c7630],
  ['FUSE', 0x65735546],
])('%s is not', (_name, type) => {
  expect(networkFileSystem(type)).toBeUndefined();
});
