import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { openDatabase } from '../../src/db/client.ts'
import { readTemplate } from '../../src/db/template.ts'
import { createFirstWorkspace } from '../../src/modules/workspace/bootstrap.ts'
import { depsOver } from '../setup/deps.ts'
import { exchange, failure, send } from './ask.ts'

// A client that is told invalid_client throws its key away, and a token that is told inactive ends.
test('while the database is away nothing is known, and nothing is denied', async () => {
  const database = await openDatabase({ template: await readTemplate() })
  const deps = await depsOver(database, pino({ level: 'silent' }))
  const { apiKey, secret } = await createFirstWorkspace(deps, {
    name: 'Outage',
    slug: 'outage',
    plan: 'ENTERPRISE',
    owner: { name: 'Olga Owner', email: 'olga@example.com' },
  })
  const world = {
    app: createApp(deps, { graphiql: false, introspection: 'public', trustedProxies: [] }),
  }
  const client = { id: apiKey.id, secret }
  const token = await exchange(world, client)
  await deps.usage.close()
  await database.close()

  const form = { grant_type: 'client_credentials', token }
  for (const path of ['/oauth/token', '/oauth/introspect', '/oauth/revoke']) {
    const answer = await send(world, path, form, { client })
    expect(failure(answer)).toBe('503 temporarily_unavailable')
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(answer.text).not.toMatch(/prisma|postgres|pglite|select/i)
  }
  const nonsense = await send(world, '/oauth/introspect', { token: 'x' }, { client })
  expect(nonsense.body).toEqual({ active: false })
})
