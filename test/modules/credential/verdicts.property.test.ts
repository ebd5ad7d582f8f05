import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { changed } from '../../security/forge.ts'
import { createWorld, type World } from '../../setup/world.ts'
import { type ApiAnswers, askApi, doneIn } from './api-oracle.ts'
import { gate, verifyAll } from './ask.ts'
import { type Question, type Story, story } from './generated.ts'
import { createStage, type Stage, storeKey, storeToken } from './generated-world.ts'

interface Permission {
  readonly name: string
  readonly includes: readonly string[]
  readonly perSpace: boolean
}

let world: World
let stage: Stage
let elsewhere: Stage
let stranger: CryptoKeyPair
let catalogue: ReadonlyMap<string, Permission>

beforeAll(async () => {
  world = await createWorld()
  elsewhere = await createStage(world)
  const own = await createStage(world)
  stage = { ...own, spaces: { ...own.spaces, foreign: elsewhere.spaces.open ?? '' } }
  stranger = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
  const { data } = await world.gql(
    stage.workspace.secret,
    '{ permissions { name includes perSpace } }',
  )
  catalogue = new Map(data.permissions.map((each: Permission) => [each.name, each]))
})
afterAll(() => world.close())

const isPerSpace = (name: string): boolean => catalogue.get(name)?.perSpace ?? false

/** Aliases as the API itself says what they stand for. */
const expanded = ({ permissions }: Question): string[] => [
  ...new Set(
    permissions.flatMap((name) => {
      const includes = catalogue.get(name)?.includes ?? []
      return includes.length > 0 ? includes : [name]
    }),
  ),
]

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

async function secretOf(each: Story): Promise<string> {
  const its = each.isForeign ? elsewhere : stage
  const key = await storeKey(world, its, each.key)
  const jwt = each.token && (await storeToken(world, its, key, each.token))
  if (each.spoiled === 'no') return jwt ?? key.secret
  if (each.spoiled === 'mistyped') return `${jwt ?? key.secret}!`
  return jwt === null ? createApiKeySecret('lk') : await changed(jwt, {}, stranger.privateKey)
}

const isReached = ({ view }: ApiAnswers, space: string, id: string): boolean =>
  view.allSpaces
    ? !['deleted', 'foreign', 'nonsense'].includes(space)
    : Object.hasOwn(view.spaces, id)

/** The one verdict, or the two, that agree with what the API says to the credential itself. */
function verdictsOf(api: ApiAnswers, question: Question) {
  const asked = expanded(question)
  const { view, passed } = api
  const ids = question.spaces.map((name) => stage.spaces[name] ?? '')
  const isEverywhere = (name: string): boolean => view.permissions.includes(name)
  const isHeld = (name: string): boolean =>
    !isPerSpace(name) || ids.length === 0 || view.allSpaces
      ? isEverywhere(name)
      : ids.every((id) => view.spaces[id]?.includes(name))
  // Of a permission that no field asks for yet it does not tell whether it is held out of reach.
  const isHeldAtAll = (name: string): boolean | undefined =>
    passed.get(name) ??
    (isEverywhere(name) ||
      Object.values(view.spaces).some((held) => held.includes(name)) ||
      (isPerSpace(name) ? undefined : false))
  const inReach = question.spaces.every((name, index) => isReached(api, name, ids[index] ?? ''))
  const missing = asked.filter((name) => !isHeld(name) || (!inReach && isPerSpace(name)))
  const code =
    asked.some((name) => isHeldAtAll(name) === false) || (inReach && missing.length > 0)
      ? 'INSUFFICIENT_PERMISSIONS'
      : inReach
        ? 'VALID'
        : 'SPACE_NOT_ALLOWED'
  const isOpen =
    code === 'SPACE_NOT_ALLOWED' && asked.some((name) => isHeldAtAll(name) === undefined)
  return { codes: isOpen ? [code, 'INSUFFICIENT_PERMISSIONS'] : [code], missing }
}

const seen = new Map<string, number>()

async function expectAgreement(each: Story): Promise<void> {
  const secret = await secretOf(each)
  const address = addressOf(each)
  const asked = [...new Set(each.questions.flatMap(expanded))].slice(0, 12)
  const api = await askApi(world, secret, address, asked)
  // Workspace permissions are told by the viewer as their fields have it.
  for (const [name, isPassed] of api.passed)
    if (!isPerSpace(name))
      expect([name, api.view.permissions.includes(name)]).toEqual([name, isPassed])
  const questions = each.questions.map(({ permissions, spaces }) => ({
    secret,
    permissions,
    spaceIds: spaces.map((name) => stage.spaces[name] ?? ''),
    ip: address ?? null,
  }))
  const verdicts = await verifyAll(world, stage.workspace.secret, questions)
  for (const [index, { code, missingPermissions }] of verdicts.entries()) {
    const question = each.questions[index]
    if (question === undefined) continue
    seen.set(code, (seen.get(code) ?? 0) + 1)
    if (each.isForeign || api.refusal !== null) {
      const refusal = api.refusal === 'UNKNOWN' || each.isForeign ? 'NOT_FOUND' : api.refusal
      const own = each.isForeign && each.spoiled === 'mistyped' ? 'MALFORMED' : refusal
      expect({ question, code }).toEqual({ question, code: own })
      continue
    }
    const { codes, missing } = verdictsOf(api, question)
    expect({ question, codes }).toEqual({ question, codes: expect.arrayContaining([code]) })
    expect([...missingPermissions].sort()).toEqual([...missing].sort())
  }
  const { headers } = await gate(world, stage.workspace.secret, questions[0] ?? { secret })
  expect(headers).toMatchObject({ 'latchkey-verdict': verdicts[0].code })
  if (api.refusal === null && !each.isForeign) await expectSameInSpace(each, secret, address)
}

/** Real operations in one space, and the verdicts on the permissions that they ask for there. */
async function expectSameInSpace(
  each: Story,
  secret: string,
  address: string | undefined,
): Promise<void> {
  const name = each.questions.flatMap(({ spaces }) => spaces)[0] ?? 'open'
  const spaceId = stage.spaces[name] ?? ''
  const agentId = stage.agents[name] ?? 'agt_nonsense'
  const done = await doneIn(world, secret, address, { spaceId, agentId })
  const asked = Object.keys(done)
  const ip = address ?? null
  const questions = asked.map((it) => ({ secret, permissions: [it], spaceIds: [spaceId], ip }))
  const verdicts = await verifyAll(world, stage.workspace.secret, questions)
  const valid = asked.map((it, index) => [it, verdicts[index].valid])
  expect({ name, ...Object.fromEntries(valid) }).toEqual({ name, ...done })
}

// A gateway that lets in what the API would refuse, or the other way round, makes two products of one.
test('verification tells of a credential what the API itself would answer to it', async () => {
  await fc.assert(fc.asyncProperty(story, expectAgreement), { numRuns: 200, seed: 20_261_121 })
  const codes = ['VALID', 'INSUFFICIENT_PERMISSIONS', 'SPACE_NOT_ALLOWED', 'NOT_FOUND', 'MALFORMED']
  codes.push('EXPIRED', 'REVOKED', 'ROTATED', 'DISABLED', 'OWNER_REMOVED', 'IP_NOT_ALLOWED')
  for (const code of codes) expect([code, seen.get(code)]).toEqual([code, expect.any(Number)])
})
