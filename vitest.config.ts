import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would take the ES module for our files while Node gives the libraries the other one: two `GraphQLError` classes.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    globalSetup: ['test/support/postgres-server.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two databases and real sockets: more workers than cores only make them wait for each other.
    maxWorkers: 2,
  },
});
