import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createApp } from '../../src/app.ts'
import { openDatabase } from '../../src/db/client.ts'
import { watchRuns } from '../../src/modules/run/recover.ts'
import { createFirstWorkspace } from '../../src/modules/workspace/bootstrap.ts'
import { beginRun, newAgent, readRun } from '../process/agents.ts'
import { createChatEndpoint } from '../setup/chat-endpoint.ts'
import { unwatched } from '../setup/database.ts'
import { depsOver } from '../setup/deps.ts'
import { createPostgres } from '../setup/postgres.ts'
import { tcpProxy } from '../setup/tcp-proxy.ts'
import { gqlOver } from '../setup/world.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Longer than a lease. */
const outageMs = 7_500

// The answer is there and paid for: it waits for the database, and its own server does not take
// itself for dead meanwhile.
test('an answer that comes while the database is away is stored once it is back', async () => {
  const { url, drop } = await createPostgres('migrated')
  onTestFinished(drop)
  const proxy = await tcpProxy(url)
  onTestFinished(() => proxy.close())
  const database = await openDatabase({
    databaseUrl: proxy.url,
    ...unwatched,
  })
  onTestFinished(() => database.close())
  const endpoint = await createChatEndpoint()
  onTestFinished(() => endpoint.close())
  const gate = Promise.withResolvers<void>()
  endpoint.gate = gate.promise
  const runtime = { url: endpoint.url, model: 'model' }
  const deps = await depsOver(database, pino({ level: 'silent' }), { runtime })
  onTestFinished(async () => {
    await deps.runtime.underWay.close(0)
    await deps.usage.close()
    deps.limits.close()
  })
  const watch = watchRuns(deps)
  onTestFinished(() => watch.close())
  const options = { graphiql: false, introspection: 'public', trustedProxies: [] } as const
  const server = { gql: gqlOver(createApp(deps, options)) }
  const { secret } = await createFirstWorkspace(deps, {
    name: 'w',
    slug: 'w',
    plan: 'ENTERPRISE',
    owner: { name: 'Olga Owner', email: 'olga@example.com' },
  })
  const run = await beginRun(server, secret, `agentId: "${await newAgent(server, secret)}"`)
  await endpoint.asked(1)

  proxy.cut()
  gate.resolve()
  await sleep(outageMs)
  proxy.mend()
  for (;;) {
    const { status, output } = await readRun(server, secret, run.id)
    if (status !== 'RUNNING') {
      expect({ status, output }).toEqual({ status: 'SUCCEEDED', output: 'You said: Hello' })
      break
    }
    await sleep(100)
  }
  expect(endpoint.requests).toHaveLength(1)
})
