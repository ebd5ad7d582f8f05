import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** With it, every suite runs on PostgreSQL, and those that need a server of their own as well. */
const onPostgres = Boolean(process.env.TEST_DATABASE_URL)

/** With it, those about a shared Redis run as well. */
const withRedis = Boolean(process.env.TEST_REDIS_URL)

/** The path of an nginx. With it, those about gateways run as well. */
const withNginx = Boolean(process.env.TEST_NGINX)

/** The path of a Caddy, for those about it. */
const withCaddy = Boolean(process.env.TEST_CADDY)

/** The path of a Python. With it, the examples in Python run as well. */
const withPython = Boolean(process.env.TEST_PYTHON)

export default defineConfig({
  // Vite would take the module build for us while libraries get Node's choice: two graphql's.
  resolve: {
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['test/**/*.test.ts'],
    exclude: [
      ...(onPostgres ? [] : ['test/postgres/**']),
      ...(withRedis ? [] : ['test/redis/**']),
      ...(withNginx ? [] : ['test/gateway/*.test.ts']),
      ...(withCaddy ? [] : ['test/gateway/caddy/**']),
      ...(withPython ? [] : ['test/examples/python.test.ts']),
      // Several servers on one database.
      ...(withRedis && onPostgres ? [] : ['test/redis/three-servers.test.ts']),
    ],
    globalSetup: ['test/setup/template.ts'],
    pool: 'forks',
    // Each file has a database of its own; loading Prisma and PGlite anew for it would take most of its time.
    isolate: false,
    // Each may hold a PGlite of its own; some files wait most of their time.
    maxWorkers: 3,
    // These only end what hangs: on a busy machine everything takes its time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
  },
})
