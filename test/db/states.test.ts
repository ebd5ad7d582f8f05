import { afterAll, beforeAll, expect, test } from 'vitest'
import { findKeyRecords } from '../../src/auth/key-record.ts'
import { findTokens } from '../../src/auth/token-record.ts'
import { newId } from '../../src/ids.ts'
import { createWorld, type TestWorkspace, type World } from '../setup/world.ts'

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

let world: World
let workspace: TestWorkspace

beforeAll(async () => {
  world = await createWorld()
  workspace = await world.createWorkspace()
})
afterAll(() => world.close())

/** Writes keys of each kind, each with a secret and a token of it, past every check of the API. */
async function insertKeys(): Promise<void> {
  const { prisma } = world.deps
  const { id: workspaceId, ownerId } = workspace
  let count = 0
  const insert = async (
    { expires, created, legacy }: (typeof ends)[number],
    { revoked = null as number | null, secretEnds = null as number | null, endsWith = '' },
  ): Promise<string> => {
    const id = newId('key')
    const createdAt = new Date(now + created * hour)
    const isDisabled = ++count % 5 === 0
    const both = { workspaceId, createdAt }
    await prisma.apiKey.create({
      data: {
        ...both,
        id,
        ownerId,
        name: id,
        start: 'lk_',
        last4: 'abcd',
        legacy,
        allSpaces: true,
        updatedAt: createdAt,
        expiresAt: at(expires),
        revokedAt: at(revoked),
        disabledAt: isDisabled ? createdAt : null,
        endsWithSecretId: endsWith || null,
      },
    })
    const secret = { ...both, keyId: id, hash: Buffer.from(id), endsAt: at(secretEnds) }
    const { id: secretId } = await prisma.apiKeySecret.create({
      data: secret,
      select: { id: true },
    })
    await prisma.accessToken.create({
      data: {
        ...both,
        id: newId('tok'),
        keyId: id,
        secretId,
        familyId: id,
        familyExpiresAt: new Date(now + hour),
        allSpaces: true,
        narrowings: {},
        expiresAt: new Date(now + (count % 3 === 0 ? -hour : hour)),
        rotatedAt: count % 7 === 0 ? createdAt : null,
        revokedAt: count % 11 === 0 ? createdAt : null,
      },
    })
    return secretId
  }
  for (const [index, maker] of makers.entries()) {
    const endsWith = await insert(maker, maker)
    await insert(ends[index % ends.length] ?? maker, { endsWith })
  }
}

/** `at` as of a moment, so that all are asked about the same one. */
const isOver = (end: Date | null, moment: Date): boolean => end !== null && end <= moment

// What lists show and are narrowed by is worked out by views; what lets a key in, by its own statement.
test('what a key or token is shown as is what it is let in as, under every policy', async () => {
  const { prisma } = world.deps
  const where = { workspaceId: workspace.id }
  await insertKeys()
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
