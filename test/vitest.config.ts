import { defineConfig } from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;

/** Two projects: `fast` is `npm test`; `system` runs the built CLI as real processes and is slow. */
export default defineConfig({
  root,
  test: {
    projects: [
      {
        root,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**', 'test/receivers/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
