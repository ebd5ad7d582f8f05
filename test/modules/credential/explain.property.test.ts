import fc from 'fast-check'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expand } from '../../../src/auth/permissions.ts'
import { closed } from '../../auth/generated-keys.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { askApi } from './api-oracle.ts'
import { explainAll, verifyAll } from './ask.ts'
import {
  type GeneratedKey,
  type GeneratedToken,
  grantable,
  type Story,
  story,
} from './generated.ts'
import { createStage, type Stage } from './stage.ts'
import { storeKey, storeToken } from './store.ts'

let world: World
let stage: Stage

beforeAll(async () => {
  world = await createWorld()
  stage = await createStage(world)
}, 60_000)
afterAll(() => world.close())

type Input = Readonly<Record<string, unknown>>

interface Stored {
  readonly key: GeneratedKey
  readonly token: GeneratedToken | null
}

/** Writes a key, by its current secret, or a token of it: the secret, and the input that names it. */
async function store({ key, token }: Stored) {
  const stored = await storeKey(world, stage, { ...key, secret: 'current' })
  if (token === null) return { secret: stored.secret, target: { apiKeyId: stored.id } }
  const jwt = await storeToken(world, stage, stored, token)
  return { secret: jwt, target: { accessTokenId: decodeJwt(jwt).jti } }
}

let count = 0
/** Others than any before: too many failures from one are refused. */
function addressOf({ address }: Pick<Story, 'address'>): string | undefined {
  count += 1
  const block = { in: '10.0', mapped: '::ffff:10.1', 'in v6': '', out: '192.168', 'out v6': '' }
  if (address === 'none') return undefined
  if (address.endsWith('v6')) return `2001:db${address === 'in v6' ? 8 : 9}:${count}::1`
  return `${block[address]}.${count >> 8}.${count & 255}`
}

const seen = new Set<string>()

const idsOf = (names: readonly string[]) => names.map((name) => stage.spaces[name] ?? '')

interface Lack {
  readonly allowed: boolean
  readonly code: string
  readonly missingPermissions: readonly string[]
  readonly missingSpaces: readonly string[]
  readonly steps: readonly { readonly rule: string; readonly detail: string }[]
}

/** What a credential was found to lack, given to it: no more than was named. */
function granted({ key, token }: Stored, spaces: readonly string[], lack: Lack): Stored {
  const { rule, detail } = lack.steps.at(-1) ?? { rule: '', detail: '' }
  const missing = grantable.filter((name) => lack.missingSpaces.includes(stage.spaces[name] ?? ''))
  const more = (names: readonly string[]) => closed([...names, ...lack.missingPermissions])
  const isEverywhere = spaces.length === 0
  const grants = key.grants?.map(({ space, narrowing }) => ({
    space,
    narrowing:
      narrowing && (isEverywhere || spaces.includes(space))
        ? [...expand(more(narrowing))]
        : narrowing,
  }))
  const isUnreached = detail.includes('the owner does not reach it')
  const added =
    rule === 'space_permissions' && isEverywhere && missing.length === 0
      ? ['open' as const]
      : missing
  const withSpaces = [...added].filter((name) => !grants?.some(({ space }) => space === name))
  return {
    key: {
      ...key,
      owner: rule === 'owner_role' || isUnreached ? 'OWNER' : key.owner,
      permissions: more(key.permissions),
      grants: grants
        ? [...grants, ...withSpaces.map((space) => ({ space, narrowing: null }))]
        : null,
    },
    token: token && {
      ...token,
      permissions: more(token.permissions),
      spaces: token.spaces && [...new Set([...token.spaces, ...added])],
    },
  }
}

/** What an explanation names is given to another credential like it, until that is let through. */
async function expectHelpful(first: Stored, spaces: readonly string[], input: Input, lack: Lack) {
  let [it, explanation] = [first, lack]
  for (let round = 0; !explanation.allowed; round += 1) {
    expect({ round, it, explanation }).toMatchObject({ round: expect.toSatisfy((its) => its < 3) })
    it = granted(it, spaces, explanation)
    const { secret, target } = await store(it)
    const owner = stage.workspace.secret
    explanation = (await explainAll(world, owner, [{ ...target, ...input }]))[0]
    const [{ valid }] = await verifyAll(world, owner, [{ secret, ...input }])
    expect({ it, explanation }).toMatchObject({ explanation: { allowed: valid } })
  }
}

const ofRights = ['VALID', 'INSUFFICIENT_PERMISSIONS', 'SPACE_NOT_ALLOWED']

async function expectAgreement(each: Story): Promise<void> {
  const { secret, target } = await store(each)
  const address = addressOf(each)
  const owner = stage.workspace.secret
  const places = each.questions.map(({ spaces }) =>
    spaces.filter((name) => grantable.some((known) => known === name)),
  )
  const questions = each.questions.map(({ permissions }, index) => ({
    permissions,
    spaceIds: idsOf(places[index] ?? []),
    ip: address ?? null,
  }))
  const named = questions.map((it) => ({ ...target, ...it }))
  const explained = await explainAll(world, owner, named)
  const presented = questions.map((it) => ({ secret, ...it }))
  const verified = await verifyAll(world, owner, presented)
  const isForgotten = (each.token?.overSince ?? 0) > 300
  for (const [index, { code, missingPermissions, steps }] of explained.entries()) {
    // A token that ended long ago is not even looked up: nothing else is said of it.
    expect(verified[index].code).toBe(isForgotten ? 'EXPIRED' : code)
    seen.add(code)
    const failed = steps.flatMap((step: any, at: number) => (step.passed ? [] : [at]))
    expect(failed).toEqual(code === 'VALID' ? [] : [steps.length - 1])
    if (ofRights.includes(code))
      expect(missingPermissions).toEqual(verified[index].missingPermissions)
  }
  const [first] = explained
  if (ofRights.includes(first.code))
    await expectHelpful(each, places[0] ?? [], questions[0] ?? {}, first)
  if (!isForgotten)
    await expectApiAgrees(secret, target, address, places.flat()[0] ?? 'open', first)
}

/** Real operations in a space and on its agent, and what is said of the permission that each asks for. */
async function expectApiAgrees(
  secret: string,
  target: Input,
  address: string | undefined,
  place: string,
  { code }: Lack,
) {
  const [spaceId = '', agentId = ''] = [stage.spaces[place], stage.agents[place]]
  const api = await askApi(world, secret, address, { permissions: [], spaceId, agentId })
  if (api.refusal !== null)
    return expect(code).toBe(api.refusal === 'UNKNOWN' ? 'NOT_FOUND' : api.refusal)
  const asked = Object.keys(api.done).map((name) => ({
    ...target,
    permissions: [name],
    ip: address ?? null,
    ...(name.startsWith('spaces:') ? { spaceIds: [spaceId] } : { agentId }),
  }))
  const explained = await explainAll(world, stage.workspace.secret, asked)
  const allowed = explained.map((it, index) => [asked[index]?.permissions[0], it.allowed])
  expect(allowed).toEqual(Object.entries(api.done))
}

const seeds = [20_261_131, 20_261_132, 20_261_133, 20_261_134, 20_261_135, 20_261_136]

// An explanation that is not the decision leads its reader to grant what does not help, or too much.
test.for(seeds)(
  'explainAccess, verifyApiKey and the API agree on 50 credentials (seed %i)',
  (seed) => fc.assert(fc.asyncProperty(story, expectAgreement), { numRuns: 50, seed }),
)

test('every verdict on what is known was among them', () => {
  const codes = ['VALID', 'INSUFFICIENT_PERMISSIONS', 'SPACE_NOT_ALLOWED', 'NOT_FOUND', 'EXPIRED']
  codes.push('REVOKED', 'ROTATED', 'DISABLED', 'OWNER_REMOVED', 'IP_NOT_ALLOWED')
  expect([...seen].sort()).toEqual(codes.sort())
})
