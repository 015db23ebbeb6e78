import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../../src/simulators/seeded.ts';
import { openStage } from '../kills/lives.ts';
import { repeatsOf } from '../kills/repeats.ts';
import { SUBJECTS } from '../subjects/subjects.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace && process.env['CI'] === 'true') throw new Error('strace is missing: apt-get install strace');

const [subject] = SUBJECTS;

/** Which calls fail, one life each: those of the lock and the schema first, then those of pages and positions. */
const NTH: readonly number[] = [1, 2, 4, 7, 11, 16, 22, 29, 37, 46];
const CALLS = ['pwrite64', 'fsync,fdatasync'] as const;

describe.skipIf(!hasStrace)('one call that fails', () => {
  it.concurrent.each(['ENOSPC', 'EIO'].flatMap((error) => CALLS.map((calls) => ({ error, calls }))))(
    '$error at one write or sync loses nothing: the n-th $calls of a life, n from 1 to 46',
    async ({ error, calls }) => {
      if (subject === undefined) throw new Error('there is no source');
      await using stage = await openStage([subject], { random: seeded(1) });
      const codes: (number | null)[] = [];

      for (const nth of NTH) {
        const inject = `inject=${calls}:error=${error}:when=${nth}`;
        const under = ['strace', '-f', '-qq', '-e', `trace=${calls}`, '-e', inject, '-o', '/dev/null'];
        const { code } = await stage.start(['once'], { under }).ended;
        codes.push(code);
        for (const { happen } of stage.vendors) happen();
      }
      for (let pass = 0; pass < 5 && (pass === 0 || stage.compare().lost > 0); pass += 1) {
        const { code, stderr } = await stage.start(['once']).ended;
        expect(code, stderr).toBe(0);
      }

      // A disk that fails is the operator's to mend (5), or a poll that did not end (3), or a delivery (4); never a bug (1).
      expect(codes.every((code) => code !== null && [0, 3, 4, 5].includes(code))).toBe(true);
      expect(codes.some((code) => code !== 0)).toBe(true);
      expect(stage.compare()).toEqual({ lost: 0, asNew: 0 });
      expect(repeatsOf(stage.receiver).different).toBe(0);
    },
  );
});
