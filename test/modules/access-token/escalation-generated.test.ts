import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { closed, excess, inputOf, kept, type Wanted, wanted } from '../../auth/generated-keys.ts'
import { createGeneratedWorld } from '../../auth/generated-world.ts'
import { humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { type View, view } from '../../setup/view.ts'
import { attempt } from '../api-key/ask.ts'
import { mint, stored } from './ask.ts'

const { world, workspace, spaceIds, robot, personOf } = await createGeneratedWorld()
let count = 0
afterAll(() => world.close())

const asking = ['keys:read', 'keys:create', 'keys:update', 'members:read', 'members:create']
const roles = ['MEMBER', 'BUILDER', 'ADMIN'] as const

/** A key, how its token is narrowed, and what is tried with the token. */
const story = fc
  .tuple(fc.constantFrom('OWNER', 'ADMIN', 'BUILDER'), wanted, wanted, fc.nat())
  .map(([role, caller, other, pick]) => {
    const permissions = pick % 2 === 0 ? ['*'] : closed([...asking, ...caller.permissions])
    return {
      role,
      caller: { ...caller, permissions },
      narrowed: pick % 3 === 0,
      request: pick % 5 < 2 ? other : { ...caller, permissions: kept(permissions, pick) },
      given: roles[pick % roles.length] ?? 'MEMBER',
      isForRobot: pick % 4 === 0,
      pick,
    }
  })

async function keyOf(role: string, { permissions, allSpaces, spaces }: Wanted) {
  const human = await personOf(role)
  const grants = allSpaces ? [] : spaces
  return humanKey(world, workspace, human, {
    permissions,
    allSpaces,
    grants: grants.map(({ index }) => ({
      spaceId: spaceIds[index] ?? '',
      narrowed: false,
      permissions: [],
    })),
  })
}

const keyEnd = async (id: string): Promise<Date | null> =>
  (await world.deps.prisma.apiKey.findFirstOrThrow({ where: { id } })).expiresAt

/** Everything that a credential of that user could do: what a membership is worth. */
async function worth(member: { id: string; user: { id: string } }): Promise<View> {
  const human = { memberId: member.id, userId: member.user.id }
  const key = await humanKey(world, workspace, human, { permissions: ['*'], allSpaces: true })
  return (await view(world, key.secret)) as View
}

// A token is what leaks first. Whatever is made with it is no stronger and lives no longer.
test('no road leads from a token to a key or member that is stronger or lives longer', async () => {
  const made: Record<string, number> = {}
  for (const each of fc.sample(story, { numRuns: 40, seed: 20_261_121 })) {
    const { role, caller, narrowed, request, given, isForRobot, pick } = each
    const key = await keyOf(role, caller)
    const keyBefore = (await view(world, key.secret)) as View
    const reached = spaceIds.filter((id) => keyBefore.allSpaces || keyBefore.spaces[id])
    const minted = await mint(world, key.secret, {
      ...(narrowed && { spaceIds: reached.filter((_, index) => (pick >> index) & 1) }),
    })
    const { expiresAt: exp } = await stored(world, minted)
    const outer = (await view(world, minted.token)) as View
    const expectWithin = (road: string, inner: View): void => {
      made[road] = (made[road] ?? 0) + 1
      expect({ ...each, road, excess: excess(inner, outer) }).toMatchObject({ excess: [] })
    }
    const tryRoad = async (mutation: string, input: object, selection = 'apiKey { id } secret') => {
      const { payload } = await attempt(world, minted.token, mutation, { ...input }, selection)
      return payload !== null && payload.errors.length === 0 ? payload : undefined
    }

    const owner = isForRobot ? { ownerId: robot } : {}
    const terms = { name: `Generated ${++count}`, ...inputOf(request, spaceIds), ...owner }
    expect(await tryRoad('createApiKey', terms)).toBeUndefined()
    const late = { ...terms, expiresAt: new Date(exp.getTime() + 1).toISOString() }
    expect(await tryRoad('createApiKey', late)).toBeUndefined()
    const created = await tryRoad('createApiKey', { ...terms, expiresAt: exp.toISOString() })
    if (created) {
      expectWithin('createApiKey', (await view(world, created.secret)) as View)
      // Each waits a moment for others like it.
      if (pick % 3 === 0) {
        const rotated = await tryRoad('rotateApiKey', { id: created.apiKey.id })
        expectWithin('rotateApiKey', (await view(world, rotated?.secret ?? '')) as View)
      }
      expect(await keyEnd(created.apiKey.id)).toEqual(exp)
    }

    // Its own key has no end, so that nothing but a narrowing of it is possible.
    const [road, input] =
      pick % 2 === 0
        ? (['rotateApiKey', { id: key.id }] as const)
        : (['transferApiKey', { id: key.id, ownerId: robot }] as const)
    expect(await tryRoad(road, input)).toBeUndefined()
    const updated = await outcome(world, minted.token, 'updateApiKey', {
      id: key.id,
      ...inputOf(request, spaceIds),
    })
    if (updated[0] === 'done') made.updateApiKey = (made.updateApiKey ?? 0) + 1
    const keyAfter = (await view(world, key.secret)) as View
    expect({ ...each, excess: excess(keyAfter, keyBefore) }).toMatchObject({ excess: [] })

    const now = (await view(world, minted.token)) as View
    expect(excess(now, outer)).toEqual([])
    const admitted = spaceIds.filter((_, index) => (pick >> (index + 3)) & 1)
    const machine = { name: `Machine ${++count}`, role: given, spaceIds: admitted }
    const member = 'member { id user { id } }'
    const machineUser = await tryRoad('createMachineUser', machine, member)
    if (machineUser) expectWithin('createMachineUser', await worth(machineUser.member))
    // A person would outlive the token, and make a key that does.
    const person = { email: `${count}@example.com`, role: given }
    expect(await tryRoad('addMember', person, member)).toBeUndefined()
  }
  const roads = ['createApiKey', 'rotateApiKey', 'updateApiKey', 'createMachineUser']
  for (const road of roads) expect([road, made[road]]).toEqual([road, expect.any(Number)])
})
