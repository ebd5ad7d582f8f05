import { CompactEncrypt, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { openLegacyKeys } from '../../src/auth/legacy-keys.ts'
import { notedKeyPrefixes } from '../../src/db/key-prefixes.ts'
import { mint } from '../modules/access-token/ask.ts'
import { verdict } from '../modules/api-key/ask.ts'
import { askOver } from '../modules/api-key/second-app.ts'
import { importKeys, importOne, legacyKey, legacySecret } from '../modules/legacy/ask.ts'
import { exchange, failure, send } from '../oauth/ask.ts'
import { done } from '../setup/seed.ts'
import { type Statements, watchStatements } from '../setup/statements.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'
import { verdictOn } from './forge.ts'

let statements: Statements
/** Where nothing has ever been imported. */
let bare: World
let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  statements = watchStatements()
  bare = await createWorld()
  world = await createWorld()
  workspace = await world.createWorkspace()
  await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
})
afterAll(async () => {
  statements.stop()
  await bare.close()
  await world.close()
})

/** Of which address failures count is not what these tests are about. */
let address = ''
let count = 0
beforeEach(() => {
  count += 1
  address = `192.0.2.${count}`
})

/** What becomes of a secret, and what was looked up for it. */
async function judged(it: Pick<World, 'gql'>, secret: string) {
  const from = statements.sent.length
  const told = await verdict(it, null, { headers: { 'x-api-key': secret }, address })
  const asked = statements.sent.slice(from).filter((text) => /^\s*SELECT/.test(text))
  return { told, lookedUp: asked.filter((text) => /"ApiKey|"UserLegacyKey/.test(text)), asked }
}

const tail = (length: number) => 'x'.repeat(length)
const part = (text: string) => Buffer.from(text).toString('base64url')

/** What is no key and no token, whatever else there is. */
async function malformed(): Promise<Record<string, string>> {
  const good = createApiKeySecret('lk')
  const jwe = await new CompactEncrypt(Buffer.from('{}'))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(new Uint8Array(32))
  return {
    'our prefix, one character wrong': good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A'),
    'our prefix, cut': good.slice(0, 30),
    'our prefix, and something else': `lk_${tail(30)}`,
    'our prefix alone': `lk_live_${tail(20)}`,
    '15 characters': `old-${tail(11)}`,
    '513 characters': `old-${tail(509)}`,
    'a letter beyond ASCII': `old-${tail(12)}ü`,
    'a blank in it': `old ${tail(16)}`,
    'a control character in it': `old\u0001${tail(16)}`,
    'a JWT without a signature': new UnsecuredJWT({ a: 1 }).encode(),
    'a damaged JWT': `${part('{"alg":"EdDSA"}')}.${tail(9)}.${tail(9)}`,
    'a JWE': jwe,
    'an id': workspace.keyId,
  }
}

const shapeless = (): Record<string, string> => ({
  '16 characters': `old-${tail(8)}${String(count).padStart(4, '-')}`,
  '512 characters': `old-${tail(508)}`,
  'every punctuation mark': '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
  'three parts, and no JWT': `SG.${tail(22)}.${tail(43)}`,
  'half of a JWT': `${part('{"alg":"EdDSA"}')}.${tail(9)}`,
  'another prefix': `sk_live_${tail(24)}`,
  'our prefix in capitals': `LK_${tail(24)}`,
  'a prefix that begins with ours': `lkx_${tail(24)}`,
})

test('without legacy keys nothing but our own shapes is looked up', async () => {
  for (const [name, secret] of Object.entries({ ...(await malformed()), ...shapeless() })) {
    const { told, lookedUp, asked } = await judged(bare, secret)
    expect([name, told, lookedUp]).toEqual([name, '401 MALFORMED', []])
    // A database that others write to as well may have to be asked whether there are any by now.
    if (bare.deps.embedded) expect([name, asked]).toEqual([name, []])
  }
})

test('with legacy keys whatever has no shape of ours is looked up', async () => {
  for (const [name, secret] of Object.entries(shapeless())) {
    const { told, lookedUp } = await judged(world, secret)
    expect([name, told]).toEqual([name, '401 UNKNOWN'])
    expect(lookedUp.length).toBeGreaterThan(0)
  }
})

// A mistyped key must not cost a look-up, nor can what looks like ours be a way to guess others.
test('what begins as a key, or is a JWT, is judged by its shape alone even then', async () => {
  for (const [name, secret] of Object.entries(await malformed())) {
    const { told, asked } = await judged(world, secret)
    expect([name, told, asked]).toEqual([name, '401 MALFORMED', []])
  }
})

test('a prefix stays one of keys when new keys have another', async () => {
  const { prisma } = world.deps
  const [old, young] = [`lk_${tail(24)}`, `zz_${tail(24)}`]
  expect((await judged(world, young)).told).toBe('401 UNKNOWN')
  const keyPrefixes = await notedKeyPrefixes(prisma, { keyPrefix: 'zz' })
  expect(keyPrefixes).toEqual(new Set(['lk', 'zz']))
  // Nor is one imported by a server that has not been started anew.
  const late = legacyKey(workspace.ownerId, { value: young })
  expect((await importKeys(world, workspace.secret, [late])).results).toEqual([['INVALID value']])
  const restarted = askOver({ ...world.deps, keyPrefix: 'zz', keyPrefixes })
  for (const secret of [old, young])
    expect((await judged(restarted, secret)).told).toBe('401 MALFORMED')
  expect((await judged(restarted, workspace.secret)).told).toBe('ACCEPTED')
  // Back to the first one, both are known.
  expect(await notedKeyPrefixes(prisma, { keyPrefix: 'lk' })).toEqual(keyPrefixes)
})

test('of a key that is set from outside the prefix is known as well, in an empty database', async () => {
  const bootstrapKey = createApiKeySecret('acme_prod')
  const env = { keyPrefix: 'lk', bootstrapKey }
  expect(await notedKeyPrefixes(world.deps.prisma, env)).not.toContain('acme_prod')
  expect(await notedKeyPrefixes(bare.deps.prisma, env)).toEqual(new Set(['lk', 'acme_prod']))
})

// Every one of them would be refused from that start on, without a word.
test('no new prefix is taken that imported keys begin with', async () => {
  const value = `sk_test_${tail(24)}`
  const short = `ab_${tail(13)}`
  for (const secret of [value, short])
    await importOne(world, workspace.secret, legacyKey(workspace.ownerId, { value: secret }))
  const take = (keyPrefix: string) => notedKeyPrefixes(world.deps.prisma, { keyPrefix })
  for (const prefix of ['sk', 'sk_test', 'ab'])
    await expect(take(prefix)).rejects.toThrow(
      `KEY_PREFIX is "${prefix}"; expected one that no imported key may begin with`,
    )
  expect(await take('s')).toContain('s')
  expect(await verdict(world, value)).toBe('ACCEPTED')
})

test('where another server imports the first one, it is known with the very next request', async () => {
  const fresh = await createWorld()
  const { prisma } = fresh.deps
  const legacyKeys = await openLegacyKeys({ prisma, embedded: false })
  const other = askOver({ ...fresh.deps, legacyKeys })
  const { secret, ownerId } = await fresh.createWorkspace()
  const value = legacySecret()
  expect(await verdict(other, value, { address })).toBe('401 MALFORMED')
  await importOne(fresh, secret, legacyKey(ownerId, { value }))
  expect(await verdict(other, value, { address })).toBe('ACCEPTED')
  expect(await verdict(other, legacySecret(), { address })).toBe('401 UNKNOWN')
  await fresh.close()
})

test('a dry run makes none exist', async () => {
  const { secret, ownerId } = await bare.createWorkspace()
  const query = `mutation ($input: ImportLegacyKeysInput!) {
    importLegacyKeys(input: $input) { results { errors { code } } } }`
  const input = { keys: [legacyKey(ownerId)], dryRun: true }
  const { data } = await bare.gql(secret, query, { input })
  expect(data.importLegacyKeys.results).toEqual([{ errors: [] }])
  expect(await verdict(bare, legacySecret(), { address })).toBe('401 MALFORMED')
})

test('one that was accepted is remembered, and ends with the very next request', async () => {
  const { id, secret } = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  expect((await judged(world, secret)).told).toBe('ACCEPTED')
  const again = await judged(world, secret)
  expect([again.told, again.asked.length]).toEqual(['ACCEPTED', 0])
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id })
  expect((await judged(world, secret)).told).toBe('401 DISABLED')
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', { id })
  expect((await judged(world, secret)).told).toBe('ACCEPTED')
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id })
  expect((await judged(world, secret)).told).toBe('401 REVOKED')
})

test('guesses at legacy secrets are counted like others, and lock out no good one', async () => {
  const { secret } = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  expect(await verdict(world, secret, { address })).toBe('ACCEPTED')
  for (let tries = 0; tries < 60; tries += 1)
    expect(await verdict(world, legacySecret(), { address })).toBe('401 UNKNOWN')
  const { told, asked } = await judged(world, legacySecret())
  expect([told, asked]).toEqual(['429 RATE_LIMITED', []])
  expect(await verdict(world, secret, { address })).toBe('ACCEPTED')
})

test('an OAuth client may be one, but gets no token for it', async () => {
  const client = await importOne(
    world,
    workspace.secret,
    legacyKey(workspace.ownerId, { permissions: ['keys:read', 'keys:verify'], allSpaces: true }),
  )
  const form = { grant_type: 'client_credentials' }
  expect(failure(await send(world, '/oauth/token', form, { client }))).toBe(
    '400 unauthorized_client',
  )
  const { token } = await mint(world, workspace.secret)
  const asked = await send(world, '/oauth/introspect', { token }, { client })
  expect(asked.body).toMatchObject({ active: true })
  expect((await send(world, '/oauth/revoke', { token }, { client })).status).toBe(200)
  const wrong = { ...client, id: workspace.keyId }
  expect(failure(await send(world, '/oauth/token', form, { client: wrong }))).toBe(
    '401 invalid_client',
  )
})

// What is remembered of a token must not make a client of who only has the token.
test('an access token is no client secret, also where it is remembered', async () => {
  const id = workspace.keyId
  const token = await exchange(world, { id, secret: workspace.secret })
  expect(await verdictOn(world, token)).toBe('ACCEPTED')
  const form = { grant_type: 'client_credentials' }
  const answer = await send(world, '/oauth/token', form, { client: { id, secret: token } })
  expect(failure(answer)).toBe('401 invalid_client')
})

// It has no shape that the log could know it by: so nothing repeats it.
test('a legacy secret is in no answer and in no line of the log', async () => {
  const known = await importOne(world, workspace.secret, legacyKey(workspace.ownerId))
  // What stands at its end is in no id and in no time.
  const unknown = 'old "secret"-\\#~#~'
  const asked = 'mutation ($input: ImportLegacyKeysInput!) { importLegacyKeys(input: $input) '
  const importing = `${asked}{ results { errors { message path } } errors { message } } }`
  const verifying =
    'mutation ($input: VerifyApiKeyInput!) { verifyApiKey(input: $input) { code errors { message } } }'
  const answers: string[] = []
  const logged = world.logs.length
  const ask = async (...args: Parameters<World['gql']>) => {
    const { data, errors } = await world.gql(...args)
    answers.push(JSON.stringify({ data, errors }))
  }
  const values = [known.secret, unknown, legacySecret()]
  for (const value of values) {
    const quoted = JSON.stringify(value)
    await ask(null, '{ viewer { kind } }', undefined, { headers: { 'x-api-key': value }, address })
    await ask(null, '{ viewer { kind } }', undefined, {
      headers: { 'x-api-key': value, 'x-workspace-id': 'none' },
      address,
    })
    for (const keys of [
      [{ value }],
      [{ value, name: 'x', ownerId: 'x', encoding: 'x' }],
      [{ value: [value], name: 'x', ownerId: 'x', encoding: 'PLAINTEXT' }],
      [{ value, name: 'x', ownerId: 'x', encoding: 'SHA256_HEX' }],
      [{ value, name: '', ownerId: 'x', encoding: 'PLAINTEXT', spaceIds: ['x'] }],
      { value },
    ])
      await ask(workspace.secret, importing, { input: { keys } })
    for (const input of [{ secret: value, ip: 'x' }, { secret: [value] }, { secret: value, x: 1 }])
      await ask(workspace.secret, verifying, { input })
    for (const input of [value, [value], [1, value], { ip: [1, value] }])
      await ask(workspace.secret, verifying, { input })
    const adding =
      'mutation ($input: AddMemberInput!) { addMember(input: $input) { errors { code } } }'
    await ask(workspace.secret, adding, { input: { email: 'x', role: value } })
    for (const literal of [quoted, `"""${value}"""`]) {
      const keys = `importLegacyKeys(input: { keys: [{ value: ${literal} }] })`
      for (const query of [
        `{ viewer ${literal} }`,
        `mutation { ${keys} { errors { code } } }`,
        `mutation { verifyApiKey(input: ${literal}) { code } }`,
        `mutation { verifyApiKey(input: [{ x: 1 }, ${literal}]) { code } }`,
        `mutation { createScope(input: { name: "x", permissions: [${literal}] }) { errors { message } } }`,
        `mutation { updateApiKey(input: { id: "x", allSpaces: ${literal} }) { errors { message } } }`,
        `mutation { addMember(input: { email: "x", role: ${literal} }) { errors { message } } }`,
      ])
        await ask(workspace.secret, query)
    }
  }
  const everything = [...answers, ...world.logs.slice(logged)].join('\n')
  for (const text of ['#~#~', ...values.flatMap((it) => [it, it.slice(4, 20)])])
    expect(everything).not.toContain(text)
  expect(answers.length).toBe(3 * 30)
})
