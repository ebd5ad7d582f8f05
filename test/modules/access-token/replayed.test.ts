import { expect, test } from 'vitest'
import { storesNothing } from '../../input/nothing-stored.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { answerTo, inSeconds, type Minted, mint, rewrite, rotate, stored, verdict } from './ask.ts'

let count = 0

useWorkspace()

interface Family {
  readonly key: { readonly id: string; readonly secret: string }
  readonly old: Minted
  readonly present: Minted
}

/** A token that was rotated a while ago, with its successor. */
async function family(secondsAgo: number, input: object = {}): Promise<Family> {
  const key = await seed(world, workspace.secret).key({
    name: `key ${++count}`,
    permissions: ['scopes:*', 'tokens:*'],
    ...input,
  })
  const old = await mint(world, key.secret)
  const present = await rotate(world, old.token)
  await rewrite(world, workspace.id, [old], { rotatedAt: inSeconds(-secondsAgo) })
  return { key, old, present }
}

const rotation = 'mutation { rotateAccessToken(input: {}) { token errors { code } } }'
const events = (action: string, targetId: string) =>
  world.deps.prisma.auditEvent.findMany({ where: { action, targetId } })

// A lost response and two tabs are no theft.
test('within 30 seconds an old token that asks for a rotation is told CONFLICT, and all live on', async () => {
  for (const secondsAgo of [0, 10, 25]) {
    const { old, present } = await family(secondsAgo)
    await storesNothing(world, async () => {
      for (let time = 0; time < 2; time += 1)
        expect(await answerTo(world, old.token, rotation)).toBe('200 CONFLICT')
    })
    expect(await verdict(world, present.token)).toBe('ACCEPTED')
  }
})

// Later, either the client or a thief has the newer one: neither can be told from the other.
test('later the whole family is revoked, nothing else, and it is in the audit', async () => {
  const { key, old, present } = await family(31)
  const newest = await rotate(world, present.token)
  const sibling = await mint(world, key.secret)
  const { status, headers, data, errors } = await world.gql(old.token, rotation, undefined, {
    address: '198.51.100.9',
  })
  expect(status).toBe(401)
  expect(headers.get('www-authenticate')).toMatch(/^Bearer/)
  expect(data).toEqual({ rotateAccessToken: null })
  expect(errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'REVOKED' })
  for (const { token } of [old, present, newest])
    expect(await verdict(world, token)).toBe('401 REVOKED')
  for (const secret of [sibling.token, key.secret])
    expect(await verdict(world, secret)).toBe('ACCEPTED')
  const [event, ...more] = await events('access_token.reuse_detected', old.id)
  expect(more).toEqual([])
  expect(event).toMatchObject({
    actorKind: 'ACCESS_TOKEN',
    actorId: workspace.ownerId,
    apiKeyId: key.id,
    accessTokenId: old.id,
    targetId: old.id,
    ip: '198.51.100.9',
    requestId: headers.get('x-request-id'),
  })
  expect(JSON.parse(event?.changes ?? '')).toContainEqual({
    field: 'revokedTokenCount',
    before: '0',
    after: '3',
  })
  await storesNothing(world, async () =>
    expect(await answerTo(world, old.token, rotation)).toBe('401 REVOKED'),
  )
})

/** Everything that an old token can be presented for, but for its rotation. */
const uses: Readonly<Record<string, string>> = {
  'a query': '{ viewer { kind } }',
  __typename: '{ __typename }',
  introspection: '{ __schema { types { name } } }',
  'another mutation': 'mutation { createScope(input: { name: "x" }) { errors { code } } }',
  'its own revocation': 'mutation { revokeAccessToken(input: {}) { errors { code } } }',
  'a rotation and another field':
    'mutation { rotateAccessToken(input: {}) { token } createScope(input: { name: "x" }) { errors { code } } }',
  'another field and a rotation':
    'mutation { createScope(input: { name: "x" }) { errors { code } } rotateAccessToken(input: {}) { token } }',
  'a rotation and __typename': 'mutation { rotateAccessToken(input: {}) { token } __typename }',
  'a batch of aliases':
    'mutation { a: rotateAccessToken(input: {}) { token } b: rotateAccessToken(input: {}) { token } }',
  'another field under its name':
    'mutation { rotateAccessToken: createScope(input: { name: "x" }) { errors { code } } }',
  'a fragment':
    'mutation { ...F } fragment F on Mutation { rotateAccessToken(input: {}) { token } }',
  'an inline fragment': 'mutation { ... { rotateAccessToken(input: {}) { token } } }',
  'a rotation that is skipped':
    'mutation { rotateAccessToken(input: {}) @skip(if: true) { token } }',
  'two operations': `${rotation.replace('mutation', 'mutation A')} query B { viewer { kind } }`,
  'no document at all': '{ rotateAccessToken',
  nothing: '',
}

test('an old token that is merely used is refused as ROTATED, and nothing is revoked', async () => {
  const { old, present } = await family(3_000)
  await storesNothing(world, async () => {
    for (const [what, query] of Object.entries(uses))
      expect([what, await answerTo(world, old.token, query)]).toEqual([what, '401 ROTATED'])
  })
  expect(await verdict(world, present.token)).toBe('ACCEPTED')
  expect((await stored(world, old)).revokedAt).toBeNull()
})

const send = (init: RequestInit, path = '/graphql', query = ''): Promise<Response> =>
  world.app.fetch(new Request(`http://latchkey.test${path}${query}`, init))

test('nor by GET, by choosing another operation, by introspection of tokens, or with no body', async () => {
  const { old, present } = await family(3_000, { permissions: ['*'] })
  const headers = { authorization: `Bearer ${old.token}`, accept: 'application/json' }
  const json = { ...headers, 'content-type': 'application/json' }
  const both = `${rotation.replace('mutation', 'mutation A')} query B { viewer { kind } }`
  await storesNothing(world, async () => {
    const got = async (query: string) =>
      (await send({ headers }, '/graphql', `?query=${encodeURIComponent(query)}`)).status
    expect(await got('{ viewer { kind } }')).toBe(401)
    // No mutation is run by GET, whoever asks for it.
    expect(await got(rotation)).toBe(405)
    for (const body of [
      { query: both, operationName: 'B' },
      { query: both, operationName: 'C' },
    ]) {
      const response = await send({ method: 'POST', headers: json, body: JSON.stringify(body) })
      expect(await response.json()).toMatchObject({
        errors: [{ extensions: { code: 'UNAUTHENTICATED', reason: 'ROTATED' } }],
      })
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const introspection = await send(
      { method: 'POST', headers: { ...headers, ...form }, body: `token=${present.token}` },
      '/oauth/introspect',
    )
    expect(introspection.status).toBe(401)
  })
  expect(await verdict(world, present.token)).toBe('ACCEPTED')
  // Chosen by its name it is the operation's only field, and so a rotation.
  const chosen = JSON.stringify({ query: both, operationName: 'A' })
  expect((await send({ method: 'POST', headers: json, body: chosen })).status).toBe(401)
  expect(await verdict(world, present.token)).toBe('401 REVOKED')
})

// A thief can be told only while the token would be good: an old one from a backup revokes nothing.
test('an old token that has expired is EXPIRED, and nothing is revoked', async () => {
  const { old, present } = await family(3_000)
  await rewrite(world, workspace.id, [old], { expiresAt: inSeconds(-1) })
  await storesNothing(world, async () => {
    for (const query of [rotation, '{ viewer { kind } }'])
      expect(await answerTo(world, old.token, query)).toBe('401 EXPIRED')
  })
  expect(await verdict(world, present.token)).toBe('ACCEPTED')
})

// Whoever could not use the key at all has no say in what becomes of its tokens.
test("the key's state and address rule are asked before a replay revokes anything", async () => {
  const bounded = await seed(world, workspace.secret).key({
    name: 'bounded',
    allowedIps: ['192.0.2.1'],
  })
  const inside = { address: '192.0.2.1' }
  const minting = async (secret: string, mutation: string) => {
    const query = `mutation { ${mutation}(input: {}) { accessToken { id } token } }`
    const { data } = await world.gql(secret, query, undefined, inside)
    const { accessToken, token } = data[mutation]
    return { id: accessToken.id, token, expiresInSeconds: 900 }
  }
  const old = await minting(bounded.secret, 'createAccessToken')
  const present = await minting(old.token, 'rotateAccessToken')
  await rewrite(world, workspace.id, [old], { rotatedAt: inSeconds(-3_000) })
  await storesNothing(world, async () => {
    for (const address of ['192.0.2.2', '::1'])
      expect(await answerTo(world, old.token, rotation, { address })).toBe('401 ROTATED')
    expect(await answerTo(world, old.token, rotation)).toBe('401 ROTATED')
  })
  expect(await verdict(world, present.token, inside)).toBe('ACCEPTED')

  const disabled = await family(3_000)
  const key = { id: disabled.key.id }
  await done(world, workspace.secret, 'disableApiKey', 'apiKey { id }', key)
  await storesNothing(world, async () =>
    expect(await answerTo(world, disabled.old.token, rotation)).toBe('401 ROTATED'),
  )
  await done(world, workspace.secret, 'enableApiKey', 'apiKey { id }', key)
  expect(await verdict(world, disabled.present.token)).toBe('ACCEPTED')
  expect(await answerTo(world, old.token, rotation, inside)).toBe('401 REVOKED')
})

// A client that logged out by revoking its last token has a second tab: no theft, nothing to protect.
test('of a family that has ended already an old token is merely ROTATED', async () => {
  for (const secondsAgo of [10, 3_000]) {
    const revoked = await family(secondsAgo)
    await done(world, revoked.present.token, 'revokeAccessToken', '__typename', {})
    const expired = await family(secondsAgo)
    await rewrite(world, workspace.id, [expired.present], { expiresAt: inSeconds(-1) })
    await storesNothing(world, async () => {
      for (const { old } of [revoked, expired])
        expect(await answerTo(world, old.token, rotation)).toBe('401 ROTATED')
    })
  }
})
