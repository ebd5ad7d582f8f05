import { expect, test } from 'vitest'
import { createApiKeySecret } from '../../../src/auth/credentials/format.ts'
import { hashSecret, secretDigest } from '../../../src/auth/credentials/hash.ts'
import { done, seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { mint } from '../access-token/ask.ts'
import { gate, knock } from './ask.ts'

useWorkspace()

/** What of a secret must be nowhere: its random part or signature, and its hash in any spelling. */
function needlesOf(secret: string): string[] {
  const parts = secret.includes('.') ? secret.split('.').slice(1) : [secret.slice(3, 40)]
  const hash = Buffer.from(hashSecret(secret))
  return [...parts, hash.toString('hex'), hash.toString('base64url'), secretDigest(secret)]
}

/** The answers to a secret in each place, right or wrong, in which it may end up. */
async function mishandled(secret: string): Promise<string[]> {
  const own = { 'latchkey-verifier': workspace.secret }
  const inputs = [
    { secret },
    { secret, permissions: ['scopes:read'], spaceIds: [secret], ip: '192.0.2.1' },
    { secret, permissions: [secret] },
    { secret, ip: secret, cost: -1 },
    { secret: ` ${secret} ` },
    { secret: `Bearer ${secret}` },
    { secret: secret.slice(0, -1) },
    { secret: secret.toUpperCase() },
    { secret, [secret]: 1 },
  ]
  const answers: unknown[] = []
  for (const input of inputs) {
    const query = `mutation ($input: VerifyApiKeyInput!) { verifyApiKey(input: $input) {
      valid code apiKey { id name start last4 owner { name } } permissions missingPermissions
      rateLimits { subject } errors { code message path } } }`
    const { headers, ...answer } = await world.gql(workspace.secret, query, { input })
    answers.push(answer, Object.fromEntries(headers))
  }
  const wrong = `mutation { verifyApiKey(input: { secret: "x", ip: ${JSON.stringify(secret)}`
  for (const end of [
    ' }) { code } }',
    ', cost: "1" }) { code } }',
    ` }) { ${secret.slice(0, 30)} } }`,
  ])
    answers.push(await world.gql(workspace.secret, wrong + end))
  answers.push(await gate(world, workspace.secret, { secret }))
  for (const query of [`?${secret}`, `?permission=${secret}`, `?space=${secret}`, `?ip=${secret}`])
    answers.push(await knock(world, { ...own, 'x-api-key': secret }, { query }))
  for (const headers of [
    { 'latchkey-verifier': secret },
    { 'latchkey-verifier': `Bearer ${secret}`, 'x-api-key': secret },
    { ...own, authorization: `Basic ${secret}` },
    { ...own, authorization: `Bearer ${secret}`, 'x-api-key': 'another' },
    { ...own, cookie: secret, 'x-api-key': secret.slice(1) },
  ])
    answers.push(await knock(world, headers))
  return answers.map((answer) => JSON.stringify(answer))
}

// Gateways keep the answers of a verification, and their logs, for longer than they keep anything.
test('a verified secret is in no answer, no header, no log and no row but its hash', async () => {
  const { key } = seed(world, workspace.secret)
  const good = await key({ name: 'good', permissions: ['scopes:read'] })
  const revoked = await key({ name: 'revoked' })
  const rotated = await key({ name: 'rotated' })
  const { secret: next } = await done(world, workspace.secret, 'rotateApiKey', 'secret', {
    id: rotated.id,
    retirePreviousOnFirstUse: true,
  })
  const { token } = await mint(world, good.secret)
  await done(world, workspace.secret, 'revokeApiKey', 'apiKey { id }', { id: revoked.id })
  const secrets = [
    good.secret,
    revoked.secret,
    rotated.secret,
    next,
    token,
    createApiKeySecret('lk'),
  ]
  const answers: string[] = []
  for (const secret of [...secrets, workspace.secret]) answers.push(...(await mishandled(secret)))
  await world.deps.usage.flush()

  const { prisma } = world.deps
  const rows = [
    await prisma.auditEvent.findMany(),
    await prisma.apiKeyUsage.findMany(),
    await prisma.accessTokenUsage.findMany(),
    await prisma.apiKey.findMany(),
    await prisma.accessToken.findMany(),
  ]
  const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
  const everywhere = [...answers, ...world.logs, JSON.stringify(rows, plain)].join('\n')
  for (const secret of [...secrets, workspace.secret])
    for (const needle of needlesOf(secret)) {
      const at = everywhere.toLowerCase().indexOf(needle.toLowerCase())
      expect([needle, at < 0 ? '' : everywhere.slice(Math.max(0, at - 200), at + 80)]).toEqual([
        needle,
        '',
      ])
    }
  expect(everywhere).toContain('api_key.previous_secret_retired')
  expect(answers.length).toBeGreaterThan(150)
})
