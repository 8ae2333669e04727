import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/support/postgres-server.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two databases and real sockets: more workers than cores only make them wait for each other.
    maxWorkers: 2,
  },
});
