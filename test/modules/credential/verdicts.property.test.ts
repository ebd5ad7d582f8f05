import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { changed } from '../../security/forge.ts'
import { seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { askApi } from './api-oracle.ts'
import { gate, verifyAll } from './ask.ts'
import { type Catalogue, readCatalogue, verdictsOf } from './expected.ts'
import { type GeneratedKey, type Story, story } from './generated.ts'
import { createStage, type Stage } from './stage.ts'
import { storeKey, storeToken } from './store.ts'

let stage: Stage
let elsewhere: TestWorkspace
let stranger: CryptoKeyPair
let catalogue: Catalogue

useWorld()
beforeAll(async () => {
  elsewhere = await world.createWorkspace()
  const foreign = await seed(world, elsewhere.secret).space({ name: 'open', visibility: 'OPEN' })
  const own = await createStage(world)
  stage = { ...own, spaces: { ...own.spaces, foreign } }
  stranger = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
  catalogue = await readCatalogue(world, stage.workspace.secret)
}, 60_000)

let count = 0
/** Others than any before: too many failures from one are refused. */
function addressOf({ address }: Story): string | undefined {
  count += 1
  const [a, b] = [count >> 8, count & 255]
  const all: Readonly<Record<Story['address'], string | undefined>> = {
    in: `10.0.${a}.${b}`,
    mapped: `::ffff:10.1.${a}.${b}`,
    'in v6': `2001:db8:${a}:${b}::1`,
    out: `192.168.${a}.${b}`,
    'out v6': `2001:db9:${a}:${b}::1`,
    none: undefined,
  }
  return all[address]
}

/** What of a key does not depend on what its workspace has. */
const anywhere = (key: GeneratedKey): GeneratedKey => ({ ...key, grants: null, scopes: [] })

async function secretOf(each: Story): Promise<string> {
  const key = each.isForeign
    ? await storeKey(world, { ...stage, workspace: elsewhere, owners: {} }, anywhere(each.key))
    : await storeKey(world, stage, each.key)
  const jwt = each.token && (await storeToken(world, stage, key, each.token))
  if (each.spoiled === 'no') return jwt ?? key.secret
  if (each.spoiled === 'mistyped') return `${jwt ?? key.secret}!`
  return jwt === null ? createApiKeySecret('lk') : await changed(jwt, {}, stranger.privateKey)
}

const seen = new Set<string>()

/** What a refusal of the API is as a verdict. */
function refusalOf({ isForeign, spoiled }: Story, refusal: string | null): string | null {
  if (isForeign) return spoiled === 'mistyped' ? 'MALFORMED' : 'NOT_FOUND'
  return refusal === 'UNKNOWN' ? 'NOT_FOUND' : refusal
}

async function expectAgreement(each: Story): Promise<void> {
  const secret = await secretOf(each)
  const address = addressOf(each)
  const expanded = [...new Set(each.questions.flatMap(catalogue.expanded))]
  // Of those in spaces nothing but their fields tells whether they are held at all.
  const inSpaces = expanded.filter(catalogue.isPerSpace)
  const permissions = [...new Set([...inSpaces, ...expanded])].slice(0, 7)
  const place = each.questions.flatMap(({ spaces }) => spaces)[0] ?? 'open'
  const spaceId = stage.spaces[place] ?? ''
  const agentId = stage.agents[place] ?? 'agt_nonsense'
  const api = await askApi(world, secret, address, { permissions, spaceId, agentId })
  // Workspace permissions are told by the viewer as their fields have it.
  for (const [name, isPassed] of api.passed)
    if (!catalogue.isPerSpace(name))
      expect([name, api.view.permissions.includes(name)]).toEqual([name, isPassed])

  const ip = address ?? null
  const questions = each.questions.map(({ permissions, spaces }) => ({
    secret,
    permissions,
    spaceIds: spaces.map((name) => stage.spaces[name] ?? ''),
    ip,
  }))
  const operations = Object.keys(api.done)
  const real = operations.map((it) => ({ secret, permissions: [it], spaceIds: [spaceId], ip }))
  const verdicts = await verifyAll(world, stage.workspace.secret, [...questions, ...real])
  const refusal = refusalOf(each, api.refusal)
  for (const [index, question] of each.questions.entries()) {
    const { code, missingPermissions } = verdicts[index]
    seen.add(code)
    const known = { spaces: stage.spaces, catalogue }
    const expected =
      refusal === null ? verdictsOf(api, question, known) : { codes: [refusal], missing: null }
    expect({ question, code: expected.codes }).toEqual({
      question,
      code: expect.arrayContaining([code]),
    })
    if (expected.missing)
      expect([...missingPermissions].sort()).toEqual([...expected.missing].sort())
  }
  if (refusal === null)
    expect(operations.map((it, index) => [it, verdicts[questions.length + index].valid])).toEqual(
      Object.entries(api.done),
    )
  const { headers } = await gate(world, stage.workspace.secret, questions[0] ?? { secret })
  expect(headers).toMatchObject({ 'latchkey-verdict': verdicts[0].code })
}

const seeds = [20_261_121, 20_261_122, 20_261_123, 20_261_124]

// A gateway that lets in what the API would refuse, or the other way round, makes two products of one.
test.for(seeds)(
  'verification tells of 50 credentials what the API itself would answer to them (seed %i)',
  (seed) => fc.assert(fc.asyncProperty(story, expectAgreement), { numRuns: 50, seed }),
)

test('every verdict but that of a limit was among them', () => {
  const codes = ['VALID', 'INSUFFICIENT_PERMISSIONS', 'SPACE_NOT_ALLOWED', 'NOT_FOUND', 'MALFORMED']
  codes.push('EXPIRED', 'REVOKED', 'ROTATED', 'DISABLED', 'OWNER_REMOVED', 'IP_NOT_ALLOWED')
  expect([...seen].sort()).toEqual(codes.sort())
})
