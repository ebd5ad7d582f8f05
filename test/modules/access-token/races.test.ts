import { expect, test } from 'vitest'
import { addHuman, humanKey } from '../../setup/human.ts'
import { outcome } from '../../setup/outcome.ts'
import { seed } from '../../setup/seed.ts'
import { useWorkspace, workspace, world } from '../../setup/use-world.ts'
import { view } from '../../setup/view.ts'
import { inSeconds, type Minted, mint, verdict } from './ask.ts'

let count = 0

useWorkspace()

const rounds = 8
const name = (): string => `Name ${++count}`
const everything = { permissions: ['*'], allSpaces: true }
const asOwner = (mutation: string, input: object): Promise<string[]> =>
  outcome(world, workspace.secret, mutation, { ...input })
const makeKey = () => seed(world, workspace.secret).key({ name: name(), ...everything })

/** Reads what the requests would read, so that who asks first is first. */
const makeKnown = async (...secrets: string[]): Promise<void> => {
  for (const secret of [workspace.secret, ...secrets])
    expect(await verdict(world, secret)).toBe('ACCEPTED')
}

/** Starts both at once, each first in every other round. */
async function race<A, B>(
  round: number,
  one: () => Promise<A>,
  other: () => Promise<B>,
): Promise<[A, B]> {
  if (round % 2 === 0) return Promise.all([one(), other()])
  const second = other()
  return [await one(), await second]
}

const several = (ask: () => Promise<string[]>): Promise<string[]> =>
  Promise.all(Array.from({ length: 4 }, ask)).then((results) => results.flat())

const scopeBy = (secret: string) => (): Promise<string[]> =>
  outcome(world, secret, 'createScope', { name: name() })

/** What was done with a token or of it, in the order that the transactions had. */
const actionsOf = async ({ id }: Minted): Promise<string[]> => {
  const events = await world.deps.prisma.auditEvent.findMany({
    where: { workspaceId: workspace.id, OR: [{ accessTokenId: id }, { targetId: id }] },
    orderBy: { sequence: 'asc' },
  })
  return events.map(({ action }) => action)
}

/** How many tokens of a key still live. */
const liveOf = ({ id }: { id: string }): Promise<number> =>
  world.deps.prisma.accessToken.count({
    where: { keyId: id, revokedAt: null, rotatedAt: null, expiresAt: { gt: new Date() } },
  })

// Between a request's authentication and its transaction its token can end.
test('a token that is revoked at the same time does nothing after that', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const token = await mint(world, (await makeKey()).secret)
    await makeKnown(token.token)
    const [revoked, results] = await race(
      round,
      () => asOwner('revokeAccessToken', { id: token.id }),
      () => several(scopeBy(token.token)),
    )
    expect(revoked).toEqual(['done'])
    for (const result of results) expect(['done', 'UNAUTHENTICATED REVOKED']).toContain(result)
    const done = results.filter((result) => result === 'done')
    expect(await actionsOf(token)).toEqual([
      'access_token.created',
      ...done.map(() => 'scope.created'),
      'access_token.revoked',
    ])
    expect(await scopeBy(token.token)()).toEqual(['UNAUTHENTICATED REVOKED'])
  }
})

test('of a key that is revoked at the same time neither a token nor a key of a token is left', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = await makeKey()
    const { token } = await mint(world, key.secret)
    const expiresAt = inSeconds(300).toISOString()
    const make = () =>
      outcome(world, token, 'createApiKey', { name: name(), ...everything, expiresAt })
    const [revoked, results] = await race(
      round,
      () => asOwner('revokeApiKey', { id: key.id, includeCreated: true }),
      async () => [
        ...(await Promise.all([
          make(),
          outcome(world, key.secret, 'createAccessToken', {}),
          outcome(world, token, 'rotateAccessToken', {}),
          make(),
        ])),
      ],
    )
    expect(revoked).toEqual(['done'])
    for (const result of results.flat())
      expect(['done', 'UNAUTHENTICATED REVOKED', 'UNAUTHENTICATED ROTATED']).toContain(result)
    const made = { createdByKeyId: key.id, revokedAt: null }
    expect(await world.deps.prisma.apiKey.count({ where: made })).toBe(0)
    expect(await liveOf(key)).toBe(0)
    expect(await verdict(world, token)).toBe('401 REVOKED')
  }
})

test('an owner who is demoted at the same time leaves no token or key that is more than they are', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const human = await addHuman(world, workspace, 'OWNER')
    const key = await humanKey(world, workspace, human, everything)
    const { token } = await mint(world, key.secret)
    const expiresAt = inSeconds(300).toISOString()
    await makeKnown(key.secret, token)
    const [demoted, [scope = '', made = '', minted = '']] = await race(
      round,
      () => asOwner('updateMember', { id: human.memberId, role: 'MEMBER' }),
      async () =>
        (
          await Promise.all([
            scopeBy(token)(),
            outcome(world, token, 'createApiKey', { name: name(), ...everything, expiresAt }),
            outcome(world, key.secret, 'createAccessToken', {
              permissions: ['members:own', 'members:read'],
            }),
          ])
        ).map(([first]) => first),
    )
    expect(demoted).toEqual(['done'])
    expect(['done', 'FORBIDDEN scopes:create']).toContain(scope)
    expect(['done', 'PERMISSION_NOT_GRANTABLE input.permissions.0']).toContain(made)
    expect(['done', 'PERMISSION_NOT_GRANTABLE input.permissions.0']).toContain(minted)
    expect(await view(world, token)).toMatchObject({ allSpaces: false })
    const all = await world.deps.prisma.accessToken.findMany({ where: { keyId: key.id } })
    expect(all).toHaveLength(minted === 'done' ? 2 : 1)
    expect(await scopeBy(token)()).toEqual(['FORBIDDEN scopes:create'])
  }
})

// Whoever revokes a leaked token must not lose it to whoever rotates it at that moment.
test('of a revocation and a rotation at once no token of the family lives', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = await makeKey()
    const token = await mint(world, key.secret)
    const [revoked, [rotated]] = await race(
      round,
      () => asOwner('revokeAccessToken', { id: token.id }),
      () => outcome(world, token.token, 'rotateAccessToken', {}),
    )
    expect(revoked).toEqual(['done'])
    expect(['done', 'UNAUTHENTICATED REVOKED']).toContain(rotated)
    expect(await liveOf(key)).toBe(0)
  }
})

test('of a revocation of all tokens and mintings at once those live that were made after it', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = await makeKey()
    await mint(world, key.secret)
    const [revoked, minted] = await race(
      round,
      () => asOwner('revokeAccessTokens', { apiKeyId: key.id }),
      () => several(() => outcome(world, key.secret, 'createAccessToken', {})),
    )
    expect([revoked, minted]).toEqual([['done'], Array(4).fill('done')])
    const events = await world.deps.prisma.auditEvent.findMany({
      where: { OR: [{ targetId: key.id }, { apiKeyId: key.id }] },
      orderBy: { sequence: 'asc' },
    })
    const at = events.findIndex(({ action }) => action === 'api_key.access_tokens_revoked')
    expect(at).toBeGreaterThan(0)
    expect(await liveOf(key)).toBe(events.length - at - 1)
  }
})

test('a token whose rights are narrowed at the same time does nothing that is beyond them', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const key = await makeKey()
    const token = await mint(world, key.secret)
    const [narrowed, results] = await race(
      round,
      () => asOwner('updateApiKey', { id: key.id, permissions: ['scopes:read'] }),
      () => several(scopeBy(token.token)),
    )
    expect(narrowed).toEqual(['done'])
    for (const result of results) expect(['done', 'FORBIDDEN scopes:create']).toContain(result)
    const last = await world.deps.prisma.auditEvent.findFirstOrThrow({
      where: { OR: [{ targetId: key.id }, { accessTokenId: token.id }] },
      orderBy: { sequence: 'desc' },
    })
    expect(last.action).toBe('api_key.updated')
  }
})
