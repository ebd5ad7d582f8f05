import { expect, test } from 'vitest'
import { permissionNames } from '../../../src/auth/permissions.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import { type View, view } from '../../setup/view.ts'
import { mint, rotate, verdict } from './ask.ts'

useWorld()

const perSpace = /^(agents|sessions|documents):|^spaces:(read|update|delete)$/
const isPerSpace = (name: string): boolean => perSpace.test(name)

/** What a view holds in a space; undefined: it is out of reach. */
const heldIn = (its: View, id: string): readonly string[] | undefined =>
  its.allSpaces ? its.permissions.filter(isPerSpace) : its.spaces[id]

interface Narrowing {
  /** Expanded, in the catalogue's order. */
  readonly permissions?: readonly string[]
  readonly spaceIds?: readonly string[]
}

/** The rule, as it is written: what the key could do then, narrowed, cut by what it can do now. */
function expected(then: View, { permissions: kept, spaceIds }: Narrowing, now: View): View {
  const isKept = (name: string): boolean => kept?.includes(name) ?? true
  const allSpaces = then.allSpaces && now.allSpaces && spaceIds === undefined
  const listed = spaceIds ?? (then.allSpaces ? Object.keys(now.spaces) : Object.keys(then.spaces))
  const spaces: Record<string, readonly string[]> = {}
  for (const id of allSpaces ? [] : listed) {
    const [held, was] = [heldIn(now, id), heldIn(then, id) ?? []]
    if (held) spaces[id] = held.filter((name) => was.includes(name) && isKept(name))
  }
  const each = Object.values(spaces)
  const permissions = permissionNames.filter((name) =>
    isPerSpace(name) && !allSpaces
      ? each.length > 0 && each.every((held) => held.includes(name))
      : [then, now].every((its) => its.permissions.includes(name)) && isKept(name),
  )
  return { allSpaces, spaces, permissions }
}

/** What the listed key is narrowed to in B. */
const inB = ['agents:read', 'agents:create']

/** A workspace with an owner's four spaces, A open, and one person or machine with keys. */
async function stage(role: string) {
  const workspace = await world.createWorkspace()
  const make = seed(world, workspace.secret)
  const spaces = [
    await make.space({ name: 'A', visibility: 'OPEN' }),
    await make.space({ name: 'B' }),
    await make.space({ name: 'C' }),
    await make.space({ name: 'D' }),
  ]
  const at = (index: number): string => spaces[index] ?? ''
  const human = await addHuman(world, workspace, role)
  const asOwner = (mutation: string, input: object): Promise<any> =>
    done(world, workspace.secret, mutation, '__typename', { ...input })
  for (const spaceId of [at(1), at(2)])
    await asOwner('addSpaceMember', { spaceId, memberId: human.memberId })
  const scope = await make.scope({
    name: 'scope',
    permissions: ['agents:read', 'agents:update', 'members:read'],
  })
  return { workspace, make, at, human, scope, asOwner }
}

type Stage = Awaited<ReturnType<typeof stage>>

async function keysOf({ workspace, human, scope, at }: Stage) {
  const grant = (spaceId: string, permissions?: string[]) => ({
    spaceId,
    narrowed: permissions !== undefined,
    permissions: permissions ?? [],
  })
  const terms = {
    everything: { permissions: ['*'], allSpaces: true },
    listed: {
      permissions: ['agents:*', 'spaces:read', 'scopes:read', 'tokens:*'],
      grants: [grant(at(0)), grant(at(1), inB), grant(at(3))],
    },
    scoped: {
      permissions: ['spaces:read'],
      scopes: [{ id: scope, permissions: [] }],
      grants: [grant(at(0)), grant(at(2))],
    },
  }
  const entries = Object.entries(terms).map(
    async ([name, its]) => [name, await humanKey(world, workspace, human, its)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

/** What happens to a key, one after the other: by its own change, its scope's, its owner's, its spaces'. */
const events = ({ asOwner, human, scope, at }: Stage, ids: Readonly<Record<string, string>>) => {
  const update = (name: string, input: object) => () =>
    asOwner('updateApiKey', { id: ids[name], ...input })
  const role = (to: string) => () => asOwner('updateMember', { id: human.memberId, role: to })
  const widening = { permissions: ['agents:*', 'spaces:*', 'members:read', 'scopes:read'] }
  return {
    'nothing yet': async () => undefined,
    'narrowed permissions': update('listed', { permissions: ['agents:*', 'scopes:read'] }),
    'a narrowed grant': update('listed', {
      spaces: [
        { spaceId: at(0), permissions: ['agents:read'] },
        { spaceId: at(1), permissions: inB },
      ],
    }),
    'a narrowed scope': () =>
      asOwner('updateScope', { id: scope, permissions: ['agents:read', 'members:read'] }),
    'another role': role('MEMBER'),
    'a space lost': () =>
      asOwner('removeSpaceMember', { spaceId: at(2), memberId: human.memberId }),
    'a space closed': () => asOwner('updateSpace', { id: at(0), visibility: 'RESTRICTED' }),
    'a role regained': role('ADMIN'),
    'a list instead of all spaces': update('everything', { spaces: [{ spaceId: at(1) }] }),
    'a space deleted': () => asOwner('deleteSpace', { id: at(1) }),
    'less than was before': update('everything', { permissions: ['scopes:read'], spaces: [] }),
    'a scope widened': () => asOwner('updateScope', { id: scope, ...widening }),
  }
}

// At no time does a token do more than it was given, nor more than its key can do at that time.
test.each(['OWNER', 'ADMIN', 'BUILDER', 'MEMBER'])(
  'what a token can do is what its key could then and can now: the keys of a person who is %s',
  async (role) => {
    const its = await stage(role)
    const keys = await keysOf(its)
    const tokens: { name: string; token: string; narrowing: Narrowing; then: View }[] = []
    for (const [name, { secret }] of Object.entries(keys)) {
      const then = (await view(world, secret)) as View
      const spaceIds = [its.at(0), its.at(2)].filter((id) => heldIn(then, id) !== undefined)
      const narrowings: Narrowing[] = [
        {},
        { permissions: ['agents:read'] },
        { spaceIds },
        { spaceIds: spaceIds.slice(0, 1), permissions: ['spaces:read', 'agents:read'] },
      ]
      for (const narrowing of narrowings) {
        const { token } = await mint(world, secret, { ...narrowing })
        tokens.push({ name, token, narrowing, then })
      }
    }
    const ids = Object.fromEntries(Object.entries(keys).map(([name, { id }]) => [name, id]))
    const seen = new Set<string>()
    for (const [event, happen] of Object.entries(events(its, ids))) {
      await happen()
      const now: Record<string, View> = {}
      for (const [name, { secret }] of Object.entries(keys))
        now[name] = (await view(world, secret)) as View
      for (const { name, token, narrowing, then } of tokens) {
        const wanted = expected(then, narrowing, now[name] ?? then)
        expect([event, name, narrowing, await view(world, token)]).toEqual([
          event,
          name,
          narrowing,
          wanted,
        ])
        seen.add(JSON.stringify([name, narrowing, wanted]))
      }
    }
    // Each token was cut by something.
    expect(seen.size).toBeGreaterThan(tokens.length * 2)
    await its.asOwner('removeMember', { id: its.human.memberId })
    for (const { token } of tokens) expect(await verdict(world, token)).toBe('401 OWNER_REMOVED')
  },
)

// The whole key is the token's upper bound only now: what comes later is the key's alone.
test('a key that gains permissions, spaces, a role or new spaces gives its tokens none of it', async () => {
  const its = await stage('BUILDER')
  const { workspace, human, make, at, asOwner } = its
  const all = await humanKey(world, workspace, human, { permissions: ['*'], allSpaces: true })
  const one = await humanKey(world, workspace, human, {
    permissions: ['agents:read', 'keys:*'],
    grants: [{ spaceId: at(0), narrowed: true, permissions: ['agents:read'] }],
  })
  const tokens = [await mint(world, all.secret), await mint(world, one.secret)]
  const views = () => Promise.all(tokens.map(({ token }) => view(world, token)))
  const before = await views()
  expect(before[0]).toMatchObject({ allSpaces: false, spaces: { [at(0)]: {}, [at(1)]: {} } })
  await asOwner('updateMember', { id: human.memberId, role: 'OWNER' })
  await asOwner('addSpaceMember', { spaceId: at(3), memberId: human.memberId })
  await make.space({ name: 'new', visibility: 'OPEN' })
  // An owner's own key widens itself by another one of theirs.
  const input = { id: one.id, permissions: ['*'], allSpaces: true }
  await done(world, all.secret, 'updateApiKey', '__typename', input)
  expect(await view(world, one.secret)).toMatchObject({ allSpaces: true })
  expect(await views()).toEqual(before)
})

test('a grant that is widened gives a token no more in that space than it was minted with', async () => {
  const { workspace, make, at } = await stage('MEMBER')
  const permissions = ['agents:read', 'agents:update']
  const grants = (narrowing: string[] | null) => [
    { spaceId: at(0) },
    { spaceId: at(1), permissions: narrowing },
  ]
  const key = await make.key({ name: 'widened', permissions, spaces: grants(['agents:read']) })
  const { token } = await mint(world, key.secret)
  const before = await view(world, token)
  expect(before).toMatchObject({ spaces: { [at(0)]: permissions, [at(1)]: ['agents:read'] } })
  const update = (spaces: object[]) =>
    done(world, workspace.secret, 'updateApiKey', '__typename', { id: key.id, spaces })
  await update(grants(null))
  expect(await view(world, key.secret)).toMatchObject({ spaces: { [at(1)]: permissions } })
  expect(await view(world, token)).toEqual(before)
  const { token: successor } = await rotate(world, token)
  expect(await view(world, successor)).toEqual(before)
})
