import { expect, test } from 'vitest'
import { createFolder, keysIn, latchkey, startServer } from './program.ts'

const whatIsHere = `{
  viewer { user { name kind } role workspace { name } allSpaces permissions }
  spaces { nodes { name } }
  agents { nodes { name } }
}`

const names = (list: { nodes: { name: string }[] }): string[] =>
  list.nodes.map(({ name }) => name).sort()

/** What the two keys that the demo printed see. */
async function exploreExample(ask: (secret: string, query: string) => Promise<any>, text: string) {
  const [owner = '', integration = '', ...more] = keysIn(text)
  expect(more).toEqual([])
  const all = await ask(owner, whatIsHere)
  expect(all.data.viewer).toMatchObject({ role: 'OWNER', allSpaces: true })
  expect(all.data.viewer.workspace.name).toBe('Example')
  expect(names(all.data.spaces)).toEqual(['Finance', 'Sales', 'Support'])
  expect(names(all.data.agents)).toEqual(['Handover', 'Quarter', 'Quote', 'Refunds', 'Triage'])
  const some = await ask(integration, whatIsHere)
  expect(some.data.viewer.user).toEqual({ name: 'Helpdesk integration', kind: 'MACHINE' })
  expect(names(some.data.spaces)).toEqual(['Sales', 'Support'])
  expect(names(some.data.agents)).toEqual(['Handover', 'Quote', 'Triage'])
}

const refusal = (stderr: string) => ({ code: 1, stdout: '', stderr: `latchkey: ${stderr}\n` })

test('in the running server: an example to explore, once, and new owner keys', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const server = await startServer(settings)
  const demo = await latchkey(['demo'], settings)
  expect(demo).toMatchObject({ code: 0, stderr: '' })
  await exploreExample(server.gql, demo.stdout)
  expect(await latchkey(['demo'], settings)).toEqual(
    refusal('There is a workspace "example" already, or one had this slug.'),
  )

  const renewed = await latchkey(['bootstrap', 'main'], settings)
  expect(renewed).toMatchObject({ code: 0, stderr: '' })
  const [newKey = '', ...more] = keysIn(renewed.stdout)
  expect(more).toEqual([])
  expect(await latchkey(['bootstrap', 'none'], settings)).toEqual(
    refusal('There is no workspace "none".'),
  )
  const logged = server.output.stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  expect(logged).toMatchObject([
    { msg: 'command done', actor: 'operator', command: 'demo', target: '' },
    { msg: 'command failed', actor: 'operator', command: 'demo' },
    { msg: 'command done', actor: 'operator', command: 'bootstrap', target: 'main' },
    { msg: 'command failed', actor: 'operator', command: 'bootstrap' },
  ])
  expect(keysIn(server.output.stderr)).toEqual([])
  // The first key is lost, not revoked; and the example is a world of its own.
  for (const key of [...server.printedKeys, newKey]) {
    const { data } = await server.gql(key, whatIsHere)
    expect(data.viewer).toMatchObject({ role: 'OWNER', workspace: { name: 'Main' } })
    expect(data.spaces.nodes).toEqual([])
  }
})

test('without a server: the same, on the database itself', async () => {
  const settings = { DATA_DIR: await createFolder() }
  const demo = await latchkey(['demo'], settings)
  expect(demo).toMatchObject({ code: 0, stderr: '' })
  const renewed = await latchkey(['bootstrap', 'example'], { LOG_LEVEL: 'info', ...settings })
  expect(renewed.code).toBe(0)
  const logged = { msg: 'command done', actor: 'operator', command: 'bootstrap', target: 'example' }
  expect(JSON.parse(renewed.stderr)).toMatchObject(logged)
  const server = await startServer(settings)
  // The example is this database's first workspace: there is no other owner to tell a key of.
  expect(server.printedKeys).toEqual([])
  await exploreExample(server.gql, demo.stdout)
  const [key = ''] = keysIn(renewed.stdout)
  expect((await server.gql(key, whatIsHere)).data.viewer).toMatchObject({
    role: 'OWNER',
    workspace: { name: 'Example' },
    allSpaces: true,
  })
})
