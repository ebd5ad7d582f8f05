import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../../src/app.ts'
import { type SecondServer, secondServer } from '../../setup/second-server.ts'
import { seed } from '../../setup/seed.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { gate } from './ask.ts'
import { turns } from './turns.ts'

let world: World
let server: SecondServer
let second: Pick<World, 'app'>

beforeAll(async () => {
  world = await createWorld()
  server = await secondServer(world.deps)
  second = {
    app: createApp(server.deps, { graphiql: false, introspection: 'public', trustedProxies: [] }),
  }
})
afterAll(async () => {
  await server.close()
  await world.close()
})

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
