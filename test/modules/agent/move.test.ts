import { beforeAll, expect, test } from 'vitest'
import { catalogue, isPerSpace, permissionNames } from '../../../src/auth/permissions.ts'
import { outcome } from '../../setup/outcome.ts'
import { done, seed } from '../../setup/seed.ts'
import { make, useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint } from '../access-token/ask.ts'

let spaces: { a: string; b: string; c: string }
let count = 0

useWorkspace()
beforeAll(async () => {
  spaces = {
    a: await make.space({ name: 'A' }),
    b: await make.space({ name: 'B' }),
    c: await make.space({ name: 'C' }),
  }
})

const move = (secret: string, id: string, ...spaceIds: string[]) =>
  outcome(world, secret, 'updateAgent', { id, spaceIds })

const agentIn = (...spaceIds: string[]) => make.agent({ name: `agent ${++count}`, spaceIds })

/** A key with these permissions in each space. */
function keyWith(
  inSpace: Readonly<Record<string, readonly string[]>>,
  more: readonly string[] = [],
  by = workspace.secret,
) {
  const permissions = [...new Set([...Object.values(inSpace).flat(), ...more])]
  const grants = Object.entries(inSpace).map(([spaceId, only]) => ({ spaceId, permissions: only }))
  return seed(world, by).key({ name: `key ${++count}`, permissions, spaces: grants })
}

const editor = ['agents:read', 'agents:update']
const everything = permissionNames.filter((name) => isPerSpace(name))

test.each(everything.filter((name) => !editor.includes(name)))(
  'updateAgent: who would gain %s on the agent by moving it is FORBIDDEN',
  async (gained) => {
    const { a, b } = spaces
    const required = [...editor, ...catalogue[gained].requires]
    const { secret } = await keyWith({ [a]: [...required, gained], [b]: required })
    const agent = await agentIn(b)
    const refused = [`FORBIDDEN ${gained}`]
    expect(await move(secret, agent, a)).toEqual(refused)
    // In two steps, the first of which gives nothing.
    expect(await move(secret, agent, a, b)).toEqual(['done'])
    expect(await move(secret, agent, a)).toEqual(refused)
    expect(await move(secret, agent, b)).toEqual(['done'])
  },
)

test('updateAgent: who holds as much in the space that the agent leaves moves it', async () => {
  const { a, b, c } = spaces
  const { secret } = await keyWith({ [a]: editor, [b]: editor, [c]: everything })
  const agent = await agentIn(b)
  expect(await move(secret, agent, a)).toEqual(['done'])
  expect(await move(secret, agent, a, c)).toEqual(['done'])
  // What is held in C alone is gained by leaving A, and not by leaving C.
  expect((await move(secret, agent, c))[0]).toMatch(/^FORBIDDEN .*agents:delete,agents:run/)
  expect(await move(secret, agent, b, c)).toEqual(['done'])
  expect(await move(secret, agent, b)).toEqual(['done'])
})

test('updateAgent: with all spaces an agent leaves a deleted space', async () => {
  const { a } = spaces
  const gone = await make.space({ name: 'gone' })
  const [inGone, inBoth] = [await agentIn(gone), await agentIn(gone, a)]
  const { secret } = await make.key({ name: 'repair', permissions: editor, allSpaces: true })
  await done(world, workspace.secret, 'deleteSpace', 'deletedId', { id: gone })
  for (const agent of [inGone, inBoth]) expect(await move(secret, agent, a)).toEqual(['done'])
})

// A token or key that holds less than the one it comes from gains nothing itself: that one would.
test('updateAgent: a token moves no agent to where its key could do more to it', async () => {
  const { a, b } = spaces
  const { secret } = await keyWith({ [a]: everything, [b]: editor })
  const { token } = await mint(world, secret, { permissions: editor })
  const agent = await agentIn(b)
  expect(await move(token, agent, a)).toEqual(['FORBIDDEN '])
  expect(await move(token, agent, a, b)).toEqual(['done'])
  const narrow = await keyWith({ [a]: editor, [b]: editor })
  const narrower = await mint(world, narrow.secret)
  expect(await move(narrower.token, agent, a)).toEqual(['done'])
})

test('updateAgent: a key moves no agent to where a key that made it could do more to it', async () => {
  const { a, b } = spaces
  const keys = ['keys:read', 'keys:create']
  const maker = await keyWith({ [a]: everything, [b]: editor }, keys)
  const made = await keyWith({ [a]: editor, [b]: editor }, keys, maker.secret)
  const madeByThat = await keyWith({ [a]: editor, [b]: editor }, [], made.secret)
  const agent = await agentIn(b)
  for (const { secret } of [made, madeByThat])
    expect(await move(secret, agent, a)).toEqual(['FORBIDDEN '])
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: maker.id })
  expect(await move(madeByThat.secret, agent, a)).toEqual(['done'])
})

test('updateAgent: a key moves no agent to where a key that was given its secret could do more to it', async () => {
  const { a, b } = spaces
  const keys = ['keys:read', 'keys:update']
  const machine = await make.machine({ name: `machine ${++count}`, role: 'ADMIN' })
  const given = await make.key({
    name: `key ${++count}`,
    ownerId: machine.userId,
    permissions: editor,
    spaces: [{ spaceId: a }, { spaceId: b }],
  })
  const receiver = await keyWith({ [a]: everything, [b]: editor }, keys)
  const agent = await agentIn(b)
  const rotate = (secret: string, overlapSeconds: number) =>
    done(world, secret, 'rotateApiKey', 'secret apiKey { rotatedAt }', {
      id: given.id,
      overlapSeconds,
    })
  const { secret } = await rotate(receiver.secret, 0)
  const { token } = await mint(world, secret)
  for (const its of [secret, token]) expect(await move(its, agent, a)).toEqual(['FORBIDDEN '])
  await done(world, workspace.secret, 'revokeApiKey', 'revokedCount', { id: receiver.id })
  expect(await move(secret, agent, a)).toEqual(['done'])
})

// Whoever gains nothing by it may move an agent: to others of the new space it is one of theirs then,
// and what was said before is not.
test('updateAgent: two that work together gain no session, and each by its own steps nothing', async () => {
  const { a, b } = spaces
  const strong = await keyWith({ [a]: everything, [b]: editor })
  const plain = await keyWith({ [a]: editor, [b]: editor })
  const agent = await agentIn(b)
  const { session } = await done(world, workspace.secret, 'createSession', 'session { id }', {
    agentId: agent,
  })
  expect((await move(strong.secret, agent, a))[0]).toMatch(/^FORBIDDEN .*agents:delete/)
  expect(await move(strong.secret, agent, a, b)).toEqual(['done'])
  expect(await move(plain.secret, agent, a)).toEqual(['done'])
  expect(await move(strong.secret, agent, a, b)).toEqual(['done'])
  expect(await move(plain.secret, agent, a)).toEqual(['done'])
  const { data } = await world.gql(
    strong.secret,
    `{ session(id: "${session.id}") { id } sessions { nodes { id } } }`,
  )
  expect(data).toEqual({ session: null, sessions: { nodes: [] } })
  for (const [mutation, input] of [
    ['terminateSession', { id: session.id }],
    ['runAgent', { sessionId: session.id, input: 'What was said?' }],
  ] as const)
    expect((await outcome(world, strong.secret, mutation, input))[0]).toMatch(/^NOT_FOUND/)
})
