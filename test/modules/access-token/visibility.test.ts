import { beforeAll, expect, test } from 'vitest'
import { insertKey } from '../../auth/insert-key.ts'
import { inParts } from '../../setup/in-parts.ts'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint } from './ask.ts'

// Spaces are bits, and sets of spaces are masks. B is open, and the builder was added to A.
const subsets = [0b000, 0b001, 0b011, 0b100, 0b111]
const everything = 0b111
const reach = { OWNER: everything, ADMIN: everything, BUILDER: 0b011 }
type RoleName = keyof typeof reach
const roles = Object.keys(reach) as RoleName[]

type Spaces = number | 'all'

interface Key {
  readonly kind: 'key'
  readonly keyId: string
  readonly secret: string
  readonly role: RoleName
  readonly spaces: Spaces
}

/** A token that is looked at, and looks; its spaces are those that it was minted with. */
interface Token {
  readonly kind: 'token'
  readonly id: string
  readonly keyId: string
  readonly secret: string
  readonly role: RoleName
  readonly spaces: Spaces
  /** The spaces that its key names. */
  readonly keySpaces: Spaces
}

type Credential = Key | Token

let spaceIds: string[] = []
const keys: Key[] = []
const tokens: Token[] = []
const userIds = new Map<RoleName, string>()

const idsOf = (mask: number): string[] => spaceIds.filter((_, bit) => mask & (1 << bit))

/** As it was minted, a token names what its key reaches: all spaces only if the key has all. */
const effective = (role: RoleName, spaces: Spaces): number =>
  spaces === 'all' ? reach[role] : spaces & reach[role]

useWorkspace()
beforeAll(async () => {
  const make = seed(world, workspace.secret)
  spaceIds = [
    await make.space({ name: 'A' }),
    await make.space({ name: 'B', visibility: 'OPEN' }),
    await make.space({ name: 'C' }),
  ]
  userIds.set('OWNER', workspace.ownerId)
  userIds.set('ADMIN', (await make.machine({ name: 'admin', role: 'ADMIN' })).userId)
  const builder = { name: 'builder', role: 'BUILDER', spaceIds: spaceIds.slice(0, 1) }
  userIds.set('BUILDER', (await make.machine(builder)).userId)
  for (const role of roles)
    for (const spaces of [...subsets, 'all' as const]) {
      const terms = { workspaceId: workspace.id, permissions: ['*'] }
      const { id: keyId, secret } = await insertKey(world, {
        ...terms,
        ownerId: userIds.get(role) ?? '',
        ...(spaces !== 'all' && { spaceIds: idsOf(spaces) }),
      })
      keys.push({ kind: 'key', keyId, secret, role, spaces })
      const add = async (its: Spaces, input: object): Promise<void> => {
        const { id, token } = await mint(world, secret, { ...input })
        tokens.push({
          kind: 'token',
          id,
          keyId,
          secret: token,
          role,
          spaces: its,
          keySpaces: spaces,
        })
      }
      const whole = spaces === 'all' && role !== 'BUILDER' ? 'all' : effective(role, spaces)
      await add(whole, {})
      const part = effective(role, spaces) & 0b001
      if (part !== whole) await add(part, { spaceIds: idsOf(part) })
    }
})

const hasAllSpaces = ({ role, spaces }: Credential): boolean =>
  role !== 'BUILDER' && spaces === 'all'

/** Whether what names these spaces is within a caller's, or is for all of a credential that is so too. */
const covers = (caller: Credential, role: RoleName, spaces: Spaces): boolean => {
  if (caller.role === 'BUILDER' && role !== 'BUILDER') return false
  if (hasAllSpaces(caller)) return true
  if (spaces === 'all') return role === caller.role && caller.spaces === 'all'
  return (spaces & effective(caller.role, caller.spaces)) === spaces
}

/** The rule, as it is written: who sees which token, and which key. */
const isOwn = (caller: Credential, token: Token): boolean =>
  caller.kind === 'token' ? caller.id === token.id : caller.keyId === token.keyId
const seesToken = (caller: Credential, token: Token): boolean =>
  isOwn(caller, token) || covers(caller, token.role, token.spaces)
const seesKey = (caller: Credential, key: Key): boolean =>
  (caller.kind === 'key' && caller.keyId === key.keyId) || covers(caller, key.role, key.spaces)

const ids = (nodes: readonly { id: string }[]): string[] => nodes.map(({ id }) => id).sort()
const titleOf = ({ kind, role, spaces }: Credential): string => `${kind} of ${role} for ${spaces}`

async function gql(secret: string, query: string): Promise<any> {
  const { data, errors } = await world.gql(secret, query)
  expect(errors).toEqual([])
  return data
}

// A token that is out of sight is out of every list and filter as well, and so is a key by its tokens.
test('all ways of asking for tokens agree on which there are', async () => {
  const list = '(first: 100) { nodes { id apiKey { id } } }'
  const filtered = (filter: string): string =>
    `accessTokens(first: 100, filter: { ${filter} }) { nodes { id } }`
  const fields = [
    ...tokens.map(({ id }, index) => `t${index}: accessToken(id: "${id}") { id }`),
    ...roles.map((role) => `${role}: ${filtered(`ownerId: "${userIds.get(role)}"`)}`),
    `accessTokens${list}`,
    'apiKeys(first: 100) { nodes { id accessTokens(first: 50) { nodes { id } } } }',
    `ACTIVE: ${filtered('status: ACTIVE')}`,
    'viewer { accessToken { id } apiKey { id accessTokens(first: 100) { nodes { id } } } }',
  ]
  const byKey = keys.map((key, index) => {
    return { key, name: `k${index}`, field: `k${index}: ${filtered(`apiKeyId: "${key.keyId}"`)}` }
  })
  for (const [turn, caller] of [...keys, ...tokens].entries()) {
    // Tokens ask by a third of the keys, by turns: such a filter is a statement of its own.
    const ofKeys = byKey.filter((_, index) => caller.kind === 'key' || index % 3 === turn % 3)
    const asked = [...fields, ...ofKeys.map(({ field }) => field)]
    const data = await inParts(world, caller.secret, 'query', asked)
    const title = titleOf(caller)
    const visible = tokens.filter((token) => seesToken(caller, token))
    const visibleKeys = keys.filter((key) => seesKey(caller, key))
    const of = (which: (token: Token) => boolean): string[] => ids(visible.filter(which))

    const items = tokens.flatMap((_, index) => data[`t${index}`] ?? [])
    for (const nodes of [items, data.accessTokens.nodes, data.ACTIVE.nodes])
      expect(ids(nodes), title).toEqual(ids(visible))
    for (const role of roles)
      expect(ids(data[role].nodes), title).toEqual(of((token) => token.role === role))
    for (const { key, name } of ofKeys) {
      const isKnown = seesKey(caller, key) || caller.keyId === key.keyId
      const its = isKnown ? of((token) => token.keyId === key.keyId) : []
      expect(ids(data[name].nodes), title).toEqual(its)
    }
    for (const node of data.apiKeys.nodes) {
      const its = of((token) => token.keyId === node.id)
      if (node.id !== workspace.keyId) expect(ids(node.accessTokens.nodes), title).toEqual(its)
    }
    for (const { id, apiKey } of data.accessTokens.nodes) {
      const token = tokens.find((each) => each.id === id)
      const isOpen =
        caller.kind === 'token' && caller.id === id
          ? true
          : visibleKeys.some(({ keyId }) => keyId === token?.keyId)
      expect(apiKey, title).toEqual(isOpen ? { id: token?.keyId } : null)
    }
    const own = of((token) => token.keyId === caller.keyId)
    expect(data.viewer.apiKey.id).toBe(caller.keyId)
    expect(ids(data.viewer.apiKey.accessTokens.nodes), title).toEqual(own)
    expect(data.viewer.accessToken).toEqual(caller.kind === 'token' ? { id: caller.id } : null)
  }
})

// What is out of sight cannot be touched, and the refusal is that of an id of nothing.
test('no mutation reaches a token or key that its caller does not see', async () => {
  let tried = 0
  for (const caller of [...keys, ...tokens]) {
    const hidden = tokens.filter((token) => !seesToken(caller, token)).slice(0, 12)
    const hiddenKeys = keys.filter((key) => !seesKey(caller, key)).slice(0, 12)
    const fields = [
      ...hidden.map(({ id }, index) => `t${index}: revokeAccessToken(input: { id: "${id}" })`),
      ...hiddenKeys
        .filter(({ keyId }) => keyId !== caller.keyId)
        .map(({ keyId }, i) => `k${i}: revokeAccessTokens(input: { apiKeyId: "${keyId}" })`),
    ].map((field) => `${field} { errors { code path } }`)
    if (fields.length === 0) continue
    const data = await inParts(world, caller.secret, 'mutation', fields)
    for (const [name, answer] of Object.entries(data)) {
      const path = ['input', name.startsWith('t') ? 'id' : 'apiKeyId']
      expect(answer, titleOf(caller)).toEqual({ errors: [{ code: 'NOT_FOUND', path }] })
      tried += 1
    }
  }
  expect(tried).toBeGreaterThan(200)
})

test('nobody sees a token of another workspace', async () => {
  const other = await world.createWorkspace()
  const [token] = tokens
  const query = `{ accessToken(id: "${token?.id}") { id } accessTokens { nodes { id } }
    a: accessTokens(filter: { apiKeyId: "${token?.keyId}" }) { nodes { id } }
    b: accessTokens(filter: { ownerId: "${workspace.ownerId}" }) { nodes { id } } }`
  const none = { nodes: [] }
  const nothing = { accessToken: null, accessTokens: none, a: none, b: none }
  expect(await gql(other.secret, query)).toEqual(nothing)
  expect(await outcome(world, other.secret, 'revokeAccessToken', { id: token?.id })).toEqual([
    'NOT_FOUND input.id',
  ])
})
