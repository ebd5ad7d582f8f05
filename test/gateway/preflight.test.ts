import { afterAll, test } from 'vitest'
import { seed } from '../setup/seed.ts'
import { startGateway } from './gateway.ts'
import { expectPreflights } from './preflight.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())

test('nginx answers preflights by itself, and lets no other OPTIONS through without a key', async () => {
  const { secret } = await seed(gateway.world, gateway.workspace.secret).key({
    name: 'page',
    permissions: ['agents:read', 'agents:update'],
    allSpaces: true,
  })
  await expectPreflights(gateway.ask, gateway.service, secret)
})
