import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { newId } from '../../../src/ids.ts'
import { changePlan } from '../../../src/modules/workspace/plan.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import type { TestWorkspace } from '../../setup/world.ts'
import { mint, rewrite, rotate } from '../access-token/ask.ts'
import { directly } from '../api-key/ask.ts'
import { gate, verify } from './ask.ts'

let other: TestWorkspace

useWorkspace()
beforeAll(async () => {
  other = await world.createWorkspace()
  await changePlan(world.deps, other.slug, {
    plan: 'ENTERPRISE',
    enterpriseRequestsPerMinute: 1_000,
    enterpriseKeyLimit: null,
  })
})

const change = (mutation: string, input: object) =>
  done(world, other.secret, mutation, 'errors { code }', { ...input })

/** A token of the key that ended so many seconds ago. */
async function endedToken(keyId: string, seconds: number): Promise<string> {
  const expiresAt = new Date(Date.now() - seconds * 1_000)
  const sign = await world.deps.accessTokens.signer()
  return sign({
    id: newId('tok'),
    workspaceId: other.id,
    keyId,
    ownerId: other.ownerId,
    audience: [world.deps.publicUrl],
    scope: '',
    spaces: undefined,
    issuedAt: new Date(expiresAt.getTime() - 900_000),
    expiresAt,
  })
}

/** Keys and tokens of the other workspace in every state. */
async function foreignCredentials(): Promise<Record<string, string>> {
  const make = seed(world, other.secret)
  const key = (name: string, input: object = {}) =>
    make.key({ name, permissions: ['*'], allSpaces: true, ...input })
  const robot = await make.machine({ name: 'Robot', role: 'ADMIN' })
  const good = await key('good')
  const keys = {
    revoked: await key('revoked'),
    disabled: await key('disabled'),
    rotated: await key('rotated'),
    expired: await key('expired'),
    bound: await key('bound', { allowedIps: ['192.0.2.0/24'] }),
    blocked: await key('blocked', { requestsPerMinute: 0 }),
    ownerless: await key('ownerless', { ownerId: robot.userId, permissions: [] }),
  }
  const tokens = {
    token: await mint(world, good.secret),
    replaced: await mint(world, good.secret),
    revokedToken: await mint(world, good.secret),
    lately: await mint(world, good.secret),
  }
  await rotate(world, tokens.replaced.token)
  await done(world, tokens.revokedToken.token, 'revokeAccessToken', 'errors { code }', {})
  await rewrite(world, other.id, [tokens.lately], { expiresAt: new Date() })
  await change('revokeApiKey', { id: keys.revoked.id })
  await change('disableApiKey', { id: keys.disabled.id })
  await change('rotateApiKey', { id: keys.rotated.id, overlapSeconds: 0 })
  await change('removeMember', { id: robot.id })
  await directly(world, other.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: keys.expired.id }, data: { expiresAt: new Date() } }),
  )
  return {
    owner: other.secret,
    good: good.secret,
    ...Object.fromEntries(Object.entries(keys).map(([name, { secret }]) => [name, secret])),
    ...Object.fromEntries(Object.entries(tokens).map(([name, { token }]) => [name, token])),
    justOver: await endedToken(good.id, 1),
    longOver: await endedToken(good.id, 600),
  }
}

/** Everything of the other workspace that a use could leave a trace in. */
async function traces(): Promise<unknown> {
  await world.deps.usage.flush()
  const { prisma } = world.deps
  const where = { where: { workspaceId: other.id } }
  return [
    await prisma.workspace.findUnique({ where: { id: other.id } }),
    await prisma.apiKeyUsage.findMany({ ...where, orderBy: { keyId: 'asc' } }),
    await prisma.accessTokenUsage.findMany({ ...where, orderBy: { tokenId: 'asc' } }),
    await prisma.apiKeySecret.findMany({ ...where, orderBy: { hash: 'asc' } }),
    await prisma.auditEvent.count(where),
  ]
}

// Whoever runs a gateway meets keys of others: a thief of one must not learn from it whose it is,
// nor whether it still works, and its owner must not be made to pay.
test('a credential of another workspace is like one that never was, in whatever state it is', async () => {
  const credentials = await foreignCredentials()
  const unknown = await verify(world, workspace.secret, { secret: createApiKeySecret('lk') })
  expect(unknown).toEqual({
    valid: false,
    code: 'NOT_FOUND',
    apiKey: null,
    permissions: null,
    missingPermissions: [],
    rateLimits: [],
    errors: [],
  })
  const { headers: told } = await gate(world, workspace.secret, {
    secret: createApiKeySecret('lk'),
  })
  for (const [name, secret] of Object.entries(credentials))
    for (const ip of [null, `10.0.0.${name.length}`]) {
      const question = { secret, permissions: ['agents:read'], ip }
      expect([name, await verify(world, workspace.secret, question)]).toEqual([name, unknown])
      const { status, headers } = await gate(world, workspace.secret, question)
      expect([name, status, headers]).toEqual([
        name,
        401,
        { ...told, 'x-request-id': expect.any(String) },
      ])
    }
})

test('nothing of another workspace is used, retired or charged by verifying what is its', async () => {
  const { key } = seed(world, other.secret)
  const { id, secret } = await key({ name: 'rotating', requestsPerMinute: 100 })
  const rotated = await done(world, other.secret, 'rotateApiKey', 'secret', {
    id,
    retirePreviousOnFirstUse: true,
  })
  const { token } = await mint(world, other.secret)
  const limits = '{ rateLimits { subject remaining } }'
  const left = async () => (await world.gql(secret, limits)).data.rateLimits
  const [{ remaining: before }] = await left()
  const trace = await traces()
  for (const each of [secret, rotated.secret, token, other.secret]) {
    expect(await verify(world, workspace.secret, { secret: each, cost: 50 })).toMatchObject({
      code: 'NOT_FOUND',
    })
    expect((await gate(world, workspace.secret, { secret: each })).status).toBe(401)
  }
  expect(await traces()).toEqual(trace)
  expect(await left()).toMatchObject([{ subject: 'KEY', remaining: before - 1 }, {}])
})
