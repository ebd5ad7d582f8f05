import { expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { requestLines } from '../setup/request-lines.ts'
import { done } from '../setup/seed.ts'
import { useWorld, world } from '../setup/use-world.ts'

useWorld()

const viewer = '{ viewer { kind } }'
const request = (path: string, init?: RequestInit) =>
  new Request(`http://latchkey.test${path}`, init)

test('no secret and nothing endless comes into the line of a request', async () => {
  const workspace = await world.createWorkspace()
  const before = world.logs.length
  const secret = createApiKeySecret('lk')
  const old = 'an-old-secret-of-somebody'
  const { token } = await done(world, workspace.secret, 'createAccessToken', 'token', {})
  for (const it of [secret, token, old, workspace.secret]) {
    const name = it.replaceAll(/\W/g, '_')
    for (const path of [`/${it}`, `/graphql/${it}`, `/documents/${it}`, `/health?key=${it}`])
      await world.app.fetch(request(path, { headers: { 'x-other': it } }))
    await world.app.fetch(request(`/graphql?query=${encodeURIComponent(viewer)}&token=${it}`))
    await world.app.fetch(request('/graphql', { method: 'POST', body: it }))
    await world.gql(it, 'query ($it: ID!) { agent(id: $it) { id } }', { it })
    if (it !== old) await world.gql(workspace.secret, `query ${name} { viewer { kind } }`)
    await world.gql(workspace.secret, `{ ${name} }`, { it }, { headers: { 'x-api-key': it } })
    await world.gql(null, `# ${it}\n{ viewer { kind } }`, {}, { headers: { authorization: it } })
  }
  for (const length of [10_000, 2 ** 20])
    await world.gql(workspace.secret, `query ${'Name_'.repeat(length / 5)} { viewer { kind } }`)
  await world.app.fetch(request(`/${'a/'.repeat(100_000)}`))
  const written = requestLines(world.logs.slice(before)).map((line) => JSON.stringify(line))
  expect(written.length).toBeGreaterThan(40)
  for (const line of written) {
    expect(line.length).toBeLessThan(1_000)
    for (const it of [secret, token, old, workspace.secret]) {
      expect(line).not.toContain(it)
      expect(line).not.toContain(it.slice(-20))
    }
  }
})
