import { expect, onTestFinished, test, vi } from 'vitest'
import { createWorld } from '../setup/world.ts'
import { send } from './ask.ts'

// The embedded database has one connection, which the transaction that makes a token holds: reading
// the signing keys inside it would wait for ever.
test('a token is made and replaced when the signing keys have to be read anew for it', async () => {
  const world = await createWorld()
  onTestFinished(() => world.close())
  const { keyId: id, secret } = await world.createWorkspace()
  let minutes = 0
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + minutes * 61_000)
  onTestFinished(() => void vi.restoreAllMocks())

  minutes = 1
  const form = 'grant_type=client_credentials'
  const { status, body } = await send(world, '/oauth/token', form, { client: { id, secret } })
  expect(status).toBe(200)
  minutes = 2
  const rotate = 'mutation { rotateAccessToken(input: {}) { token errors { code } } }'
  const { data } = await world.gql(body.access_token, rotate)
  expect(data.rotateAccessToken.errors).toEqual([])
})
