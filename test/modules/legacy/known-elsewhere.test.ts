import { beforeAll, beforeEach, expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { storesNothing } from '../../input/nothing-stored.ts'
import { addHuman, humanKey } from '../../setup/human.ts'
import { seed } from '../../setup/seed.ts'
import { useWorld, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { directly, verdict } from '../api-key/ask.ts'
import { allowHashes } from './allow-hashes.ts'
import { importKeys, importOne, legacyKey, legacySecret, sha256, type ToImport } from './ask.ts'
import { importUserLevelKey } from './user-level.ts'

/** Attempts that may fail from one address in a minute. */
const allowed = 60

/** Whose secrets a stranger tries to find. */
let victim: TestWorkspace
let stranger: TestWorkspace
let address = ''
let count = 0

useWorld()
beforeAll(async () => {
  victim = await world.createWorkspace()
  stranger = await world.createWorkspace()
  await allowHashes(world, stranger)
})
beforeEach(() => {
  address = `192.0.2.${++count}`
})

const all = { permissions: ['*'], allSpaces: true }

/** Secrets of the victim's OWNER, for everything. */
async function ownerSecrets(many: number): Promise<string[]> {
  const keys = Array.from({ length: many }, () => legacyKey(victim.ownerId, all))
  const { results } = await importKeys(world, victim.secret, keys)
  expect(new Set(results.flat())).toEqual(new Set(['imported']))
  return keys.map(({ value }) => value)
}

const guessed = (value: string): ToImport => legacyKey(stranger.ownerId, { value })

const hashed = (value: string): ToImport =>
  legacyKey(stranger.ownerId, {
    value: sha256(value, 'hex'),
    encoding: 'SHA256_HEX',
    start: 'old-',
    last4: 'WXYZ',
  })

/** The whole answer to an import by the stranger. */
const answerTo = (keys: readonly ToImport[], dryRun: boolean, from = address) =>
  world.gql(
    stranger.secret,
    `mutation ($input: ImportLegacyKeysInput!) { importLegacyKeys(input: $input) {
      errors { code path message } results { index apiKey { id } errors { code path message } } } }`,
    { input: { keys, dryRun } },
    { address: from },
  )

const isLimited = async (): Promise<boolean> =>
  (await verdict(world, 'typed wrongly', { address })) === '429 RATE_LIMITED'

const refused = {
  code: 'CONFLICT',
  message: 'This secret cannot be imported.',
  path: ['input', 'keys', '0', 'value'],
}

// Else whoever has a workspace finds the secrets of all others, thousands of guesses in a second.
test('dry run: tells of no secret that is known in another workspace, by value or hash', async () => {
  const person = await addHuman(world, victim, 'ADMIN')
  const ofPerson = await importUserLevelKey(world, person.userId)
  const ordinary = await seed(world, victim.secret).key({ name: 'ordinary', ...all })
  const [first = '', ...others] = await ownerSecrets(allowed + 10)
  const secrets = [first, ofPerson.secret]
  for (const key of [...secrets.map(guessed), ...[...secrets, ordinary.secret].map(hashed)]) {
    const { value } = hashed(legacySecret())
    const free = key.encoding === 'PLAINTEXT' ? legacySecret() : value
    const [known, unknown] = await storesNothing(world, async () => [
      await answerTo([key], true),
      await answerTo([{ ...key, value: free }], true),
    ])
    expect(known?.data).toEqual({
      importLegacyKeys: { errors: [], results: [{ index: 0, apiKey: null, errors: [] }] },
    })
    expect([known?.data, known?.status]).toEqual([unknown?.data, unknown?.status])
  }
  // Nor do they count as attempts, which would tell it as well.
  await answerTo(others.map(guessed), true)
  expect(await isLimited()).toBe(false)
})

test('import: a secret that is known elsewhere is a CONFLICT without a reason, and a failed attempt', async () => {
  const person = await addHuman(world, victim, 'ADMIN')
  const { secret: ofPerson } = await importUserLevelKey(world, person.userId)
  const [secret = ''] = await ownerSecrets(1)
  const told = await storesNothing(world, async () => [
    await answerTo([guessed(secret)], false),
    await answerTo([hashed(secret)], false),
    await answerTo([guessed(ofPerson)], false),
    await answerTo([hashed(ofPerson)], false),
  ])
  for (const { data } of told)
    expect(data.importLegacyKeys).toEqual({
      errors: [],
      results: [{ index: 0, apiKey: null, errors: [refused] }],
    })
  for (let time = told.length; time < allowed; time++)
    expect(await verdict(world, 'typed wrongly', { address })).toBe('401 MALFORMED')
  expect(await isLimited()).toBe(true)
})

test('import: after 60 known ones the whole call is RATE_LIMITED, and stores nothing', async () => {
  const secrets = await ownerSecrets(allowed + 1)
  const told = await importKeys(world, stranger.secret, secrets.slice(1).map(guessed), { address })
  expect(told.results).toEqual(Array(allowed).fill(['CONFLICT value']))
  const good = legacyKey(stranger.ownerId)
  for (const keys of [[guessed(secrets[0] ?? ''), good], [good], [hashed(legacySecret())]]) {
    const answer = await storesNothing(world, () => answerTo(keys, false))
    expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([429, 'RATE_LIMITED'])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  expect((await answerTo([good], true)).status).toBe(200)
  expect((await answerTo([good], false, '198.51.100.1')).data.importLegacyKeys).toMatchObject({
    results: [{ errors: [] }],
  })
})

test('import: with more than 60 known ones the whole call is RATE_LIMITED, and stores nothing', async () => {
  const keys = [legacyKey(stranger.ownerId), ...(await ownerSecrets(allowed + 1)).map(guessed)]
  const answer = await storesNothing(world, () => answerTo(keys, false))
  expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([429, 'RATE_LIMITED'])
  expect(await isLimited()).toBe(true)
})

test('import: of many calls at once no more than 60 known ones are told', async () => {
  const secrets = await ownerSecrets(100)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      answerTo(secrets.slice(5 * at, 5 * at + 5).map(guessed), false),
    ),
  )
  const told = answers.filter(({ status }) => status === 200)
  expect(told).toHaveLength(allowed / 5)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(20 - allowed / 5)
})

// An address that is limited already must not be the one from which guesses are told by that.
test('import: from an address with 60 failures it is RATE_LIMITED, whatever it holds', async () => {
  const [secret = ''] = await ownerSecrets(1)
  for (let time = 0; time < allowed; time++)
    await verdict(world, createApiKeySecret('lk'), { address })
  for (const value of [secret, legacySecret()]) {
    const answer = await storesNothing(world, () => answerTo([guessed(value)], false))
    expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([429, 'RATE_LIMITED'])
  }
})

// What is stored costs a place in the plan; what is refused for anything else must tell nothing.
test('import: what is wrong with a key is told whether its secret is known elsewhere or not', async () => {
  const [secret = ''] = await ownerSecrets(1)
  const small = await world.createWorkspace()
  await directly(world, small.id, (prisma) =>
    prisma.workspace.update({ where: { id: small.id }, data: { enterpriseKeyLimit: 1 } }),
  )
  const there = await seed(world, stranger.secret).key({ name: 'There' })
  expect(there.id).toMatch(/^key_/)
  const cases: [TestWorkspace, object, string][] = [
    [small, {}, 'LIMIT_REACHED'],
    [stranger, { name: 'there' }, 'NAME_TAKEN name'],
    [stranger, { name: '' }, 'INVALID name'],
    [stranger, { ownerId: victim.ownerId }, 'NOT_FOUND ownerId'],
    [stranger, { spaceIds: ['spc_none'] }, 'NOT_FOUND spaceIds.0'],
  ]
  for (const [workspace, wrong, expected] of cases)
    for (const value of [secret, legacySecret()])
      for (const dryRun of [true, false]) {
        const key = legacyKey(workspace.ownerId, { value, ...wrong })
        const { results } = await storesNothing(world, () =>
          importKeys(world, workspace.secret, [key], { dryRun, address }),
        )
        expect(results).toEqual([[expected]])
      }
  expect(await isLimited()).toBe(false)
})

test('import: the same known secret twice in one call is one failed attempt', async () => {
  const secrets = await ownerSecrets(allowed)
  const keys = secrets.flatMap((value) => [guessed(value), guessed(value)])
  const { results } = await importKeys(world, stranger.secret, keys, { address })
  expect(results).toEqual(keys.map(() => ['CONFLICT value']))
})

// A secret is a way to what its key can do, in the own workspace as well.
test('in one workspace: a secret is told of to who could be given it, and else like any other’s', async () => {
  const { secret: owner, ownerId } = victim
  const make = seed(world, owner)
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const builder = await make.machine({ name: 'Builder', role: 'BUILDER' })
  const weak = await make.key({
    name: 'weak',
    ownerId: builder.userId,
    permissions: ['keys:read', 'keys:create', 'agents:read'],
  })
  const person = await addHuman(world, victim, 'MEMBER')
  const ofPerson = await humanKey(world, victim, person, { permissions: ['agents:read'] })
  const strong = legacyKey(ownerId, all)
  const equal = legacyKey(builder.userId, { permissions: ['agents:read'] })
  await importOne(world, owner, strong)
  await importOne(world, weak.secret, equal)
  const try_ = async (secret: string, key: ToImport, dryRun: boolean) =>
    (await storesNothing(world, () => importKeys(world, secret, [key], { dryRun, address })))
      .results[0]
  const mine = (value: string) => legacyKey(builder.userId, { value })
  expect(await try_(weak.secret, mine(strong.value), true)).toEqual(['imported'])
  expect(await try_(weak.secret, mine(strong.value), false)).toEqual(['CONFLICT value'])
  expect(await try_(weak.secret, mine(equal.value), true)).toEqual(['CONFLICT value'])
  expect(await try_(weak.secret, equal, true)).toEqual(['imported'])

  // Whose role ends at their own keys is given no other's, however weak it is: it acts for another.
  const others = legacyKey(robot.userId, { permissions: ['agents:read'] })
  await importOne(world, owner, others)
  expect(await try_(weak.secret, mine(others.value), true)).toEqual(['imported'])
  expect(await try_(weak.secret, mine(others.value), false)).toEqual(['CONFLICT value'])
  expect(await try_(owner, { ...others, ownerId: builder.userId }, true)).toEqual([
    'CONFLICT value',
  ])

  // Nor does an owner learn what a person's secret is, here or everywhere.
  await allowHashes(world, victim)
  const { secret: everywhere } = await importUserLevelKey(world, person.userId)
  const byHash = (secret: string) => ({ ...hashed(secret), ownerId: robot.userId })
  for (const secret of [ofPerson.secret, everywhere]) {
    expect(await try_(owner, byHash(secret), true)).toEqual(['imported'])
    expect(await try_(owner, byHash(secret), false)).toEqual(['CONFLICT value'])
  }
  expect(await try_(owner, { ...byHash(equal.value), name: 'other' }, true)).toEqual([
    'CONFLICT value',
  ])
})
