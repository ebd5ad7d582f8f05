import { expect, test } from 'vitest'
import { findKeyRecords } from '../../src/auth/key-record.ts'
import { findTokens } from '../../src/auth/token-record.ts'
import { newId } from '../../src/ids.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

const hour = 3_600_000
const now = Date.now()
const at = (hours: number | null) => (hours === null ? null : new Date(now + hours * hour))

/** Every way in which a key ends by itself. Hours from now. */
const ends = [null, -1, 1].flatMap((expires) =>
  [-2, -48].flatMap((created) => [false, true].map((legacy) => ({ expires, created, legacy }))),
)
/** The secrets that a key ends with, and the keys that these are of. */
const makers = ends.flatMap((maker) =>
  [null, -1, 2].flatMap((secretEnds) =>
    [null, -1].map((revoked) => ({ ...maker, secretEnds, revoked })),
  ),
)
const policies = [null, 1, 30].flatMap((maxKeyLifetimeDays) =>
  [null, -1, 1].map((sunset) => ({ maxKeyLifetimeDays, legacyKeySunsetAt: at(sunset) })),
)

useWorkspace()

type Kind = (typeof ends)[number] & { secretEnds?: number | null; revoked?: number | null }

/** Writes keys, each with a secret and a token of it, past every check of the API; gives the secrets. */
async function insertKeys(
  kinds: readonly Kind[],
  endsWith: readonly (string | null)[] = [],
): Promise<string[]> {
  const { prisma } = world.deps
  const { id: workspaceId, ownerId } = workspace
  const keys = kinds.map(({ expires, created, legacy, revoked = null }, index) => {
    const id = newId('key')
    const createdAt = new Date(now + created * hour)
    return {
      workspaceId,
      id,
      ownerId,
      name: id,
      start: 'lk_',
      last4: 'abcd',
      legacy,
      allSpaces: true,
      createdAt,
      updatedAt: createdAt,
      expiresAt: at(expires),
      revokedAt: at(revoked),
      disabledAt: index % 5 === 4 ? createdAt : null,
      endsWithSecretId: endsWith[index] ?? null,
    }
  })
  await prisma.apiKey.createMany({ data: keys })
  const secrets = await prisma.apiKeySecret.createManyAndReturn({
    data: keys.map(({ id, createdAt }, index) => {
      const endsAt = at(kinds[index]?.secretEnds ?? null)
      return { workspaceId, createdAt, keyId: id, hash: Buffer.from(id), endsAt }
    }),
    select: { id: true, keyId: true },
  })
  const secretIds = new Map(secrets.map(({ id, keyId }) => [keyId, id]))
  await prisma.accessToken.createMany({
    data: keys.map(({ id, createdAt }, index) => ({
      workspaceId,
      createdAt,
      id: newId('tok'),
      keyId: id,
      secretId: secretIds.get(id) ?? null,
      familyId: id,
      familyExpiresAt: new Date(now + hour),
      allSpaces: true,
      narrowings: {},
      expiresAt: new Date(now + (index % 3 === 2 ? -hour : hour)),
      rotatedAt: index % 7 === 6 ? createdAt : null,
      revokedAt: index % 11 === 10 ? createdAt : null,
    })),
  })
  return keys.map(({ id }) => secretIds.get(id) ?? '')
}

/** `at` as of a moment, so that all are asked about the same one. */
const isOver = (end: Date | null, moment: Date): boolean => end !== null && end <= moment

// What lists show and are narrowed by is worked out by views; what lets a key in, by its own statement.
test('what a key or token is shown as is what it is let in as, under every policy', async () => {
  const { prisma } = world.deps
  const where = { workspaceId: workspace.id }
  const secretIds = await insertKeys(makers)
  await insertKeys(
    makers.map((maker, index) => ends[index % ends.length] ?? maker),
    secretIds,
  )
  for (const policy of policies) {
    await prisma.workspace.update({ where: { id: workspace.id }, data: policy })
    const states = await prisma.apiKeyState.findMany({ where })
    const records = await findKeyRecords(
      prisma,
      workspace.id,
      states.map((state) => state.keyId),
    )
    expect(records.length).toBeGreaterThan(2 * makers.length)
    const expected = records.map(({ id, revokedAt, disabledAt, effectiveExpiresAt, now }) => ({
      keyId: id,
      effectiveExpiresAt,
      status: revokedAt
        ? 'REVOKED'
        : isOver(effectiveExpiresAt, now)
          ? 'EXPIRED'
          : disabledAt
            ? 'DISABLED'
            : 'ACTIVE',
    }))
    const shown = states.map(({ keyId, effectiveExpiresAt, status }) => ({
      keyId,
      effectiveExpiresAt,
      status,
    }))
    const byKey = (a: { keyId: string }, b: { keyId: string }) => (a.keyId < b.keyId ? -1 : 1)
    expect(shown.toSorted(byKey)).toEqual(expected.toSorted(byKey))

    const ofTokens = await prisma.accessTokenState.findMany({ where })
    const tokens = await findTokens(
      prisma,
      workspace.id,
      ofTokens.map((state) => state.tokenId),
    )
    expect(tokens).toHaveLength(2 * makers.length)
    const statuses = new Map(ofTokens.map(({ tokenId, status }) => [tokenId, status]))
    for (const token of tokens) {
      const isEnded =
        isOver(token.tokenExpiresAt, token.now) || isOver(token.effectiveExpiresAt, token.now)
      const status = token.tokenRevokedAt
        ? 'REVOKED'
        : isEnded
          ? 'EXPIRED'
          : token.replacedAt
            ? 'ROTATED'
            : 'ACTIVE'
      expect(statuses.get(token.tokenId), token.tokenId).toBe(status)
    }
  }
})
