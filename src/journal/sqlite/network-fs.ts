import { statfsSync } from 'node:fs';

/** What `statfs(2)` says, as far as it is used here. */
export interface FileSystemFacts {
  readonly type: number;
  /** Blocks that an unprivileged user may still take. */
  readonly bavail: number;
  /** Blocks there are. */
  readonly blocks: number;
  readonly bsize: number;
}

/** Lent, so that tests can be on any file system. Throws where the path does not exist. */
export type Statfs = (path: string) => FileSystemFacts;

export const systemStatfs: Statfs = (path) => statfsSync(path);

/**
 * Linux `f_type` of the file systems that are shared over a network: their locks and shared memory do not hold across
 * hosts, so SQLite's WAL does not work there (https://sqlite.org/wal.html). Numbers: `statfs(2)`, `linux/magic.h`.
 */
const NETWORK = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

/** The name of the network file system of this type, undefined for a local one. */
export function networkFileSystem(type: number): string | undefined {
  // Where the kernel's long has 32 bits, the high ones come out negative.
  return NETWORK.get(type >>> 0);
}

export function freeBytes({ bavail, bsize }: FileSystemFacts): number {
  return bavail * bsize;
}

export function sizeInBytes({ blocks, bsize }: FileSystemFacts): number {
  return blocks * bsize;
}
