import { isEnumType } from 'graphql'
import { beforeAll, expect, test } from 'vitest'
import { createApiKeySecret } from '../../src/auth/credentials/format.ts'
import { schema } from '../../src/schema/schema.ts'
import { directly } from '../modules/api-key/ask.ts'
import { gate, type Question, verify } from '../modules/credential/ask.ts'
import { done, seed } from '../setup/seed.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

let gateway: string
let count = 0

const makeKey = (input: object = {}): Promise<{ id: string; secret: string }> =>
  seed(world, workspace.secret).key({ name: `key ${++count}`, ...input })

useWorkspace()
beforeAll(async () => {
  gateway = (await makeKey({ permissions: ['keys:verify', 'keys:read'] })).secret
})

interface Presented extends Question {
  /** Of the key, where it is known. */
  readonly id: string | null
}

/** For each verdict what is presented, and what is asked of it. */
async function examples(): Promise<Record<string, Presented>> {
  const { space, machine } = seed(world, workspace.secret)
  const spaceId = await space({ name: 'space' })
  const robot = await machine({ name: 'Robot', role: 'ADMIN' })
  const change = (mutation: string, input: object) =>
    done(world, workspace.secret, mutation, 'errors { code }', { ...input })
  const good = await makeKey({ permissions: ['agents:read', 'scopes:read'], spaces: [{ spaceId }] })
  const keys = {
    EXPIRED: await makeKey(),
    REVOKED: await makeKey(),
    ROTATED: await makeKey(),
    DISABLED: await makeKey(),
    OWNER_REMOVED: await makeKey({ ownerId: robot.userId }),
    IP_NOT_ALLOWED: await makeKey({ allowedIps: ['192.0.2.0/24'] }),
    RATE_LIMITED: await makeKey({ requestsPerMinute: 1 }),
  }
  await directly(world, workspace.id, (prisma) =>
    prisma.apiKey.updateMany({ where: { id: keys.EXPIRED.id }, data: { expiresAt: new Date() } }),
  )
  await change('revokeApiKey', { id: keys.REVOKED.id })
  await change('rotateApiKey', { id: keys.ROTATED.id, overlapSeconds: 0 })
  await change('disableApiKey', { id: keys.DISABLED.id })
  await change('removeMember', { id: robot.id })
  await world.gql(keys.RATE_LIMITED.secret, '{ viewer { kind } }')
  return {
    VALID: { ...good, permissions: ['agents:read'], spaceIds: [spaceId], ip: '10.0.0.1' },
    MALFORMED: { id: null, secret: 'nonsense' },
    NOT_FOUND: { id: null, secret: createApiKeySecret('lk') },
    INSUFFICIENT_PERMISSIONS: { ...good, permissions: ['agents:run'], spaceIds: [spaceId] },
    SPACE_NOT_ALLOWED: { ...good, permissions: ['agents:read'], spaceIds: [robot.id] },
    ...keys,
    ...{ IP_NOT_ALLOWED: { ...keys.IP_NOT_ALLOWED, ip: '198.51.100.1' } },
  }
}

const always = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': expect.stringContaining('Latchkey-Verdict'),
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-request-id': expect.any(String),
}
const refused = { ...always, 'content-length': '0' }
const limits = {
  'ratelimit-policy': '"key";q=1;w=60',
  ratelimit: expect.stringMatching(/^"key";r=0;t=\d+$/),
  'x-ratelimit-limit': '1',
  'x-ratelimit-remaining': '0',
  'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/),
}

/** Status and headers, all of them. */
function expected(code: string, { id }: Presented): { status: number; headers: object } {
  const verdict = { 'latchkey-verdict': code }
  switch (code) {
    case 'VALID':
      return {
        status: 204,
        headers: {
          ...always,
          ...verdict,
          'latchkey-key-id': id,
          'latchkey-owner-id': workspace.ownerId,
          'latchkey-workspace-id': workspace.id,
          'latchkey-permissions': 'agents:read scopes:read',
        },
      }
    case 'RATE_LIMITED': {
      const retry = { 'retry-after': expect.stringMatching(/^([1-9]|[1-5]\d|60)$/) }
      return { status: 403, headers: { ...refused, ...verdict, ...retry, ...limits } }
    }
    case 'INSUFFICIENT_PERMISSIONS':
    case 'SPACE_NOT_ALLOWED':
      return { status: 403, headers: { ...refused, ...verdict } }
    default: {
      const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
      return { status: 401, headers: { ...refused, ...verdict, ...challenge } }
    }
  }
}

/** The verdicts on credentials that can do something. */
const holding = ['VALID', 'INSUFFICIENT_PERMISSIONS', 'SPACE_NOT_ALLOWED', 'RATE_LIMITED']

// Gateways know nothing but statuses and headers: nginx passes on a 401 or 403, and takes any other
// failure for its own.
test('every verdict is the same by both doors, as a status with headers and as data', async () => {
  const all = await examples()
  for (const [code, { id, ...question }] of Object.entries(all)) {
    const { body, ...answer } = await gate(world, gateway, question)
    expect({ code, ...answer }).toEqual({ code, ...expected(code, { id, ...question }) })
    expect(body).toBe('')
    expect(await verify(world, gateway, question)).toMatchObject({
      code,
      valid: code === 'VALID',
      apiKey: id === null ? null : { id },
      permissions: id === null ? null : holding.includes(code) ? expect.any(Array) : [],
      rateLimits: code === 'RATE_LIMITED' ? [{ subject: 'KEY', limit: 1, remaining: 0 }] : [],
      errors: [],
    })
  }
  const codes = schema.getType('VerdictCode')
  const names = isEnumType(codes) ? codes.getValues().map(({ name }) => name) : []
  expect(Object.keys(all).sort()).toEqual([...names].sort())
})
