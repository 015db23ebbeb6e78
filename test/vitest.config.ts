import { defineConfig } from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;

/**
 * `fast` is `npm test`; `system` runs the built CLI as real processes; `guarantees` kills it
 * and breaks what is around it (`npm run test:guarantees`); `receivers` sends to real receivers; `image` builds
 * and runs the Dockerfile; `deploy` asks a real API server, and runs what the manifests would. All but the first are slow.
 */
export default defineConfig({
  root,
  test: {
    projects: [
      {
        root,
        test: {
          name: 'fast',
          isolate: false,
          setupFiles: ['test/support/setup.ts'],
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/system/**',
            'test/receivers/**',
            'test/deploy/**',
            'test/image/**',
            'test/guarantees/{faults,kills,security}/*.test.ts',
          ],
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
      {
        root,
        test: {
          name: 'guarantees',
          include: ['test/guarantees/{faults,kills,security}/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        root,
        test: {
          name: 'receivers',
          include: ['test/receivers/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        root,
        test: {
          name: 'image',
          include: ['test/image/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        root,
        test: {
          name: 'deploy',
          include: ['test/deploy/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
