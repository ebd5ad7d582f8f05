import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { permissionNames } from '../../src/auth/permissions.ts'
import { mint, rotate } from '../modules/access-token/ask.ts'
import { attempt } from '../modules/api-key/ask.ts'
import { knock } from '../modules/credential/ask.ts'
import { addHuman, humanKey } from '../setup/human.ts'
import { done, seed } from '../setup/seed.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

let world: World
let workspace: TestWorkspace
let gateway: { id: string; secret: string }
let client: string
let count = 0

const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })
const asVerifier = { permissions: ['keys:verify', 'keys:read'] }

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
  gateway = await makeKey(asVerifier)
  client = (await makeKey({ permissions: ['scopes:read'] })).secret
})
afterAll(() => world.close())

/** Whatever the client presents, and whatever is asked of it. */
async function answersTo(verifier: string | undefined): Promise<string[]> {
  const clients = [{ authorization: `Bearer ${client}` }, {}, { authorization: 'Basic YTpi' }]
  const more = [{ 'x-api-key': createApiKeySecret('lk') }, { 'x-api-key': 'nonsense' }]
  const answers = []
  const address = `10.0.1.${++count}`
  for (const query of ['', '?permission=keys:verify&space=x'])
    for (const headers of [...clients, ...more]) {
      const named = { ...headers, ...(verifier !== undefined && { 'latchkey-verifier': verifier }) }
      const { status, headers: told, body } = await knock(world, named, { query, address })
      answers.push(`${status} ${told['latchkey-verdict']} ${body}`)
    }
  return [...new Set(answers)]
}

// A client that took the gateway's trouble for a verdict on itself would throw a good key away. Nor
// does who has no verifier's key learn anything about a client's.
test('without a good key of its own the gateway is told so, the same whatever the client presents', async () => {
  const revoked = await makeKey(asVerifier)
  const disabled = await makeKey(asVerifier)
  const elsewhere = await makeKey({ ...asVerifier, allowedIps: ['192.0.2.0/24'] })
  const rotated = await makeKey(asVerifier)
  const replaced = await mint(world, gateway.secret)
  await rotate(world, replaced.token)
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: revoked.id })
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', { id: disabled.id })
  const overlap = { id: rotated.id, overlapSeconds: 0 }
  await done(world, workspace.secret, 'rotateApiKey', 'secret', overlap)
  const signIn = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.YQ`
  const verifiers: [string | undefined, RegExp][] = [
    [undefined, /own key in Latchkey-Verifier/],
    ['', /own key in Latchkey-Verifier/],
    ['  ', /own key in Latchkey-Verifier/],
    ['nonsense', /MALFORMED.*; send \\"Latchkey-Verifier: <key or token>/],
    [`Bearer ${gateway.secret}`, /MALFORMED/],
    [`${gateway.secret}, ${gateway.secret}`, /MALFORMED/],
    [signIn, /MALFORMED/],
    [createApiKeySecret('lk'), /UNKNOWN/],
    [revoked.secret, /REVOKED/],
    [disabled.secret, /DISABLED/],
    [elsewhere.secret, /IP_NOT_ALLOWED/],
    [rotated.secret, /ROTATED/],
    [replaced.token, /ROTATED/],
  ]
  for (const [verifier, why] of verifiers) {
    const answers = await answersTo(verifier)
    expect([verifier, answers]).toEqual([
      verifier,
      [expect.stringMatching(/^400 undefined \{"error":"/)],
    ])
    expect(answers[0]).toMatch(why)
    expect(answers[0]).not.toContain(client)
  }
})

test('a key with every permission but keys:verify is none for verification, nor one whose owner cannot have it', async () => {
  const all = await makeKey({
    permissions: permissionNames.filter((it) => it !== 'keys:verify'),
    allSpaces: true,
  })
  const owners = [all.secret]
  for (const role of ['BUILDER', 'MEMBER']) {
    const human = await addHuman(world, workspace, role)
    const terms = { permissions: ['*'], allSpaces: true }
    owners.push((await humanKey(world, workspace, human, terms)).secret)
  }
  const full = await makeKey({ permissions: ['keys:verify', 'keys:read', 'scopes:read'] })
  owners.push((await mint(world, full.secret, { permissions: ['scopes:read'] })).token)
  for (const secret of owners) {
    const expected = [expect.stringMatching(/^400 undefined .*FORBIDDEN.*needs keys:verify/)]
    expect(await answersTo(secret)).toEqual(expected)
    const { codes } = await attempt(world, secret, 'verifyApiKey', { secret: client }, 'code')
    expect(codes).toEqual(['FORBIDDEN'])
  }
})

test('an admin, a machine user and a token of a verifier verify', async () => {
  const admin = await addHuman(world, workspace, 'ADMIN')
  const robot = await seed(world, workspace.secret).machine({ name: 'Gateway', role: 'ADMIN' })
  const verifiers = [
    (await humanKey(world, workspace, admin, asVerifier)).secret,
    (await makeKey({ ...asVerifier, ownerId: robot.userId })).secret,
    (await mint(world, gateway.secret)).token,
    ` ${gateway.secret} `,
  ]
  for (const verifier of verifiers) {
    const headers = { 'latchkey-verifier': verifier, 'x-api-key': client }
    expect((await knock(world, headers)).status).toBe(204)
  }
})

// Tried a thousand times from one address, a guess is one try in the end: also at this door.
test('who guesses at a verifier is limited by their address, whatever is guessed', async () => {
  const { token } = await mint(world, gateway.secret)
  const [header, , signature] = token.split('.')
  const claims = Buffer.from('{"iss":"https://issuer.example"}').toString('base64url')
  const guesses = ['nonsense', createApiKeySecret('lk'), `${header}.${claims}.${signature}`]
  for (const [index, guess] of guesses.entries()) {
    const address = `192.0.2.${index}`
    const headers = { 'latchkey-verifier': guess }
    for (let times = 0; times < 60; times += 1)
      expect((await knock(world, headers, { address })).body).toMatch(/MALFORMED|UNKNOWN/)
    expect((await knock(world, headers, { address })).body).toMatch(/RATE_LIMITED/)
    // One that was good before goes on.
    const good = { 'latchkey-verifier': gateway.secret, 'x-api-key': client }
    expect((await knock(world, good, { address })).status).toBe(204)
  }
})
