import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, so small that a test can fill it. Removed when disposed. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes all the space that is left. */
  fill(): void;
  /** Gives it back. */
  free(): Promise<void>;
  /** Mounts it again, so that nobody may write to it. */
  makeReadOnly(): void;
  makeWritable(): void;
}

/** Mounts a file system of so many MiB. Takes root; see `CANNOT_MOUNT`. */
export function smallDisk(mebibytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'penstock-disk-'));
  run('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'penstock-test', path);
  const ballast = join(path, 'ballast');
  return {
    path,
    fill() {
      const { bavail, bsize } = statfsSync(path);
      for (let blocks = bavail; blocks > 0; blocks = Math.floor(blocks / 2)) append(ballast, blocks * bsize);
      while (append(ballast, bsize)) {
        // Until nothing more fits: a writer beside us may have given some back meanwhile.
      }
    },
    free: () => rm(ballast),
    makeReadOnly: () => run('mount', '-o', 'remount,ro', path),
    makeWritable: () => run('mount', '-o', 'remount,rw', path),
    [Symbol.dispose]() {
      run('umount', '-l', path);
      rmSync(path, { recursive: true });
    },
  };
}

/** Why no small disk can be had here; undefined where one can. */
export const CANNOT_MOUNT = whyNot();

function whyNot(): string | undefined {
  try {
    smallDisk(1)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return `a file system cannot be mounted here: ${(error as Error).message}`;
  }
}

function append(file: string, bytes: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    return true;
  } catch {
    return false;
  }
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(error?.message ?? stderr.trim());
}
