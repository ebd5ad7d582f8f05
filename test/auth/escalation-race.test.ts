import { expect, test } from 'vitest'
import { addHuman, type Human, humanKey } from '../setup/human.ts'
import { holdLine } from '../setup/in-line.ts'
import { outcome } from '../setup/outcome.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'
import { view } from '../setup/view.ts'

let count = 0
const name = (): string => `Name ${++count}`
const everything = { permissions: ['*'], allSpaces: true }

useWorkspace()

const rounds = 8
const asOwner = (mutation: string, input: object) =>
  outcome(world, workspace.secret, mutation, input as Record<string, unknown>)

async function owner(): Promise<Human & { key: { id: string; secret: string } }> {
  const human = await addHuman(world, workspace, 'OWNER')
  return { ...human, key: await humanKey(world, workspace, human, everything) }
}

/** Starts both at once, each first in every other round. */
const race = async <A, B>(
  round: number,
  one: () => Promise<A>,
  other: () => Promise<B>,
): Promise<[A, B]> => {
  if (round % 2 === 0) return Promise.all([one(), other()])
  const second = other()
  return [await one(), await second]
}

/** Lets one have its turn first in round 0, and the three others in round 1; all wait before that. */
async function inOrder<A, B>(
  round: number,
  one: () => Promise<A>,
  three: () => Promise<B>,
): Promise<[A, B]> {
  const line = holdLine(world.deps, workspace.id)
  const first = round === 0 ? one() : undefined
  if (first) await line.waiting(1)
  const others = three()
  await line.waiting(first ? 4 : 3)
  const last = first ?? one()
  await line.waiting(4)
  await line.open()
  return Promise.all([last, others])
}

// Between a request's authentication and its transaction its caller can be demoted.
test('a demotion and a creation at once never leave a key stronger than the demoted may make', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    const carl = await owner()
    const robot = await seed(world, workspace.secret).machine({ name: name(), role: 'ADMIN' })
    const scopeName = name()
    const [demotion, results] = await (round < 2 ? inOrder : race)(
      round,
      () => asOwner('updateMember', { id: carl.memberId, role: 'BUILDER' }),
      () =>
        Promise.all([
          outcome(world, carl.key.secret, 'createApiKey', {
            name: name(),
            ownerId: robot.userId,
            ...everything,
          }),
          outcome(world, carl.key.secret, 'createScope', { name: scopeName, permissions: ['*'] }),
          outcome(world, carl.key.secret, 'addMember', {
            email: `race-${++count}@example.com`,
            role: 'OWNER',
          }),
        ]),
    )
    expect(demotion).toEqual(['done'])
    // Each was done wholly before the demotion, or refused for what a BUILDER is.
    const refusals = [
      'FORBIDDEN keys:create',
      'FORBIDDEN scopes:create',
      'FORBIDDEN members:create',
    ]
    for (const [index, [result]] of results.entries()) {
      if (result !== 'done' && index > 0) expect(result).toBe(refusals[index])
      if (result !== 'done' && index === 0)
        expect([refusals[0], 'PERMISSION_NOT_GRANTABLE input.permissions.0']).toContain(result)
      seen.add(result === 'done' ? 'done' : 'refused')
    }
    // The late one is refused, however it went before.
    const late = { name: name(), ...everything }
    expect(await outcome(world, carl.key.secret, 'createApiKey', late)).toEqual(
      expect.arrayContaining(['PERMISSION_NOT_GRANTABLE input.permissions.0']),
    )
    expect(await view(world, carl.key.secret)).toMatchObject({ allSpaces: false })
  }
  expect([...seen].sort()).toEqual(['done', 'refused'])
})

// The audit chain tells the order that the transactions had: nothing is made after the demotion.
test('in the order of the audit, nothing is done by who could do it no more', async () => {
  for (let round = 0; round < rounds; round++) {
    const carl = await owner()
    await race(
      round,
      () => asOwner('removeMember', { id: carl.memberId }),
      () =>
        Promise.all(
          Array.from({ length: 4 }, () =>
            outcome(world, carl.key.secret, 'createApiKey', { name: name(), ...everything }),
          ),
        ),
    )
    const events = await world.deps.prisma.auditEvent.findMany({
      where: {
        workspaceId: workspace.id,
        OR: [{ targetId: carl.memberId }, { apiKeyId: carl.key.id }],
      },
      orderBy: { sequence: 'asc' },
    })
    const actions = events.map(({ action }) => action)
    expect(actions.at(-1)).toBe('member.removed')
    // What was made before the removal went with it.
    const left = await world.deps.prisma.apiKey.count({
      where: { workspaceId: workspace.id, ownerId: carl.userId, revokedAt: null },
    })
    expect(left).toBe(0)
    expect(await view(world, carl.key.secret)).toBe('OWNER_REMOVED')
  }
})

// A key that is being narrowed makes nothing that is wider than it is when it makes it.
test('a key narrowed at the same time makes no key stronger than it is then', async () => {
  const space = await seed(world, workspace.secret).space({ name: name() })
  const wide = ['keys:read', 'keys:create', 'spaces:read', 'agents:read']
  const narrow = ['keys:read', 'keys:create', 'spaces:read']
  for (let round = 0; round < rounds; round++) {
    const maker = await seed(world, workspace.secret).key({
      name: name(),
      permissions: wide,
      spaces: [{ spaceId: space }],
    })
    const wanted = { name: name(), permissions: wide, spaces: [{ spaceId: space }] }
    const [narrowed, [made]] = await race(
      round,
      () => asOwner('updateApiKey', { id: maker.id, permissions: narrow }),
      () => outcome(world, maker.secret, 'createApiKey', wanted),
    )
    expect(narrowed).toEqual(['done'])
    expect(['done', 'PERMISSION_NOT_GRANTABLE input.permissions.3']).toContain(made)
    const events = await world.deps.prisma.auditEvent.findMany({
      where: {
        workspaceId: workspace.id,
        OR: [
          { apiKeyId: maker.id, action: 'api_key.created' },
          { targetId: maker.id, action: 'api_key.updated' },
        ],
      },
      orderBy: { sequence: 'asc' },
    })
    const order = events.map(({ action }) => action)
    expect(order).toEqual([...(made === 'done' ? ['api_key.created'] : []), 'api_key.updated'])
    const again = { ...wanted, name: name() }
    expect(await outcome(world, maker.secret, 'createApiKey', again)).toEqual([
      'PERMISSION_NOT_GRANTABLE input.permissions.3',
    ])
  }
})

// One request holds several mutations: each is judged by what those before it left.
test('a mutation counts for the next one of the same request', async () => {
  const permissions = ['keys:read', 'keys:create', 'keys:update', 'members:read']
  const maker = await seed(world, workspace.secret).key({ name: name(), permissions })
  const { data, errors } = await world.gql(
    maker.secret,
    `mutation ($id: ID!, $less: [String!], $wanted: CreateApiKeyInput!) {
      first: updateApiKey(input: { id: $id, permissions: $less }) { errors { code } }
      second: createApiKey(input: $wanted) { secret errors { code path } }
      third: updateApiKey(input: { id: $id, permissions: [] }) { errors { code } }
      fourth: createApiKey(input: { name: "late" }) { secret }
    }`,
    { id: maker.id, less: permissions.slice(0, 3), wanted: { name: name(), permissions } },
  )
  expect(data.first.errors).toEqual([])
  expect(data.second).toEqual({
    secret: null,
    errors: [{ code: 'PERMISSION_NOT_GRANTABLE', path: ['input', 'permissions', '3'] }],
  })
  expect(data.third.errors).toEqual([])
  expect(data.fourth).toBeNull()
  expect(errors).toMatchObject([
    { path: ['fourth'], extensions: { code: 'FORBIDDEN', missingPermissions: ['keys:create'] } },
  ])
})

// Two owners who take the role from each other at the same time: one of them stays.
test('owners that demote each other at once leave one owner', async () => {
  for (let round = 0; round < rounds; round++) {
    const other = await world.createWorkspace()
    const human = await addHuman(world, other, 'OWNER')
    const key = await humanKey(world, other, human, everything)
    const demote = (id: string) => ({ id, role: 'MEMBER' })
    const results = await race(
      round,
      () => outcome(world, other.secret, 'updateMember', demote(human.memberId)),
      () => outcome(world, key.secret, 'updateMember', demote(other.ownerMemberId)),
    )
    expect(results.flat().filter((result) => result === 'done')).toHaveLength(1)
    expect(results.flat()).toContain('FORBIDDEN members:update')
  }
})

// A secret that was given up, or a key that was revoked, does not finish what it had begun.
test('a revoked key makes nothing once the revocation is done', async () => {
  for (let round = 0; round < rounds; round++) {
    const maker = await seed(world, workspace.secret).key({ name: name(), ...everything })
    const [revoked, made] = await race(
      round,
      () => asOwner('revokeApiKey', { id: maker.id, includeCreated: true }),
      () =>
        Promise.all(
          Array.from({ length: 4 }, () =>
            outcome(world, maker.secret, 'createApiKey', { name: name(), ...everything }),
          ),
        ),
    )
    expect(revoked).toEqual(['done'])
    for (const result of made.flat()) expect(['done', 'UNAUTHENTICATED REVOKED']).toContain(result)
    // Those that came first went with it: none of its making is left.
    const live = await world.deps.prisma.apiKey.count({
      where: { workspaceId: workspace.id, createdByKeyId: maker.id, revokedAt: null },
    })
    expect(live).toBe(0)
  }
})

test('of a deletion and a grant of the same space at once no grant is left', async () => {
  for (let round = 0; round < rounds; round++) {
    const space = await seed(world, workspace.secret).space({ name: name() })
    const { memberId } = await addHuman(world, workspace, 'MEMBER')
    const grant = { name: name(), permissions: ['spaces:read'], spaces: [{ spaceId: space }] }
    const [deleted, [made], [added]] = await Promise.all([
      asOwner('deleteSpace', { id: space }),
      asOwner('createApiKey', grant),
      asOwner('addSpaceMember', { spaceId: space, memberId }),
    ])
    expect(deleted).toEqual(['done'])
    expect(['done', 'NOT_FOUND input.spaces.0.spaceId']).toContain(made)
    expect(['done', 'NOT_FOUND input.spaceId']).toContain(added)
    const where = { workspaceId: workspace.id, spaceId: space }
    expect(await world.deps.prisma.spaceGrant.count({ where })).toBe(0)
    expect(await world.deps.prisma.spaceMember.count({ where })).toBe(0)
    await done(world, workspace.secret, 'removeMember', 'member { id }', { id: memberId })
  }
})
