import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../../src/app.ts'
import { noCredentialCache } from '../../../src/auth/credential-cache.ts'
import { seed } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { gate } from './ask.ts'
import { turns } from './turns.ts'

let world: World
let second: Pick<World, 'app'>

beforeAll(async () => {
  world = await createWorld()
  // Over the same database and with a memory of its own, which is none.
  const deps = { ...world.deps, credentials: noCredentialCache }
  second = {
    app: createApp(deps, { graphiql: false, introspection: 'public', trustedProxies: [] }),
  }
})
afterAll(() => world.close())

// A gateway that goes on letting in whom the API refuses would be the way around every revocation.
test.for(Object.entries(turns))(
  '%s: told by the very next verification, of every server',
  async ([, [verdict, turn]]) => {
    const workspace = await world.createWorkspace()
    const spaceId = await seed(world, workspace.secret).space({ name: 'space' })
    const { secret, happens } = await turn({ world, workspace, spaceId })
    const question = { secret, permissions: ['agents:read'], spaceIds: [spaceId], ip: '192.0.2.1' }
    const ask = async (server: Pick<World, 'app'>) =>
      (await gate(server, workspace.secret, question)).headers['latchkey-verdict']
    for (const server of [world, second, world]) expect(await ask(server)).toBe('VALID')
    await happens()
    for (const server of [second, world, second]) expect(await ask(server)).toBe(verdict)
  },
)
