import type { Caller } from '../../auth/caller.ts'
import { findKeyRecords, type KeyRecord } from '../../auth/key-record.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'
import { assertMayRevoke, type Revocation, revokeLiveKeys } from './revoke-keys.ts'

/** What keys and secrets come of: a key, or a user. */
type Root = { readonly keyId: string } | { readonly userId: string }

/** A key as a whole, or of one that is somebody else's again the secret that its holder began with. */
interface Descendant {
  readonly id: string
  readonly secretId: string | null
}

const ofKey = (keyId: string): Prisma.Sql => Prisma.sql`SELECT ${keyId}::text, NULL::uuid`

/** Of a secret that was given: the key, or where another secret has replaced it that secret alone. */
const given = Prisma.sql`s."keyId", CASE WHEN s."endsAt" IS NOT NULL THEN coalesce(s."originId", s.id) END`

/** The user's own keys, those that they made, and what they were given. */
const ofUser = (workspaceId: string, userId: string): Prisma.Sql => Prisma.sql`
  SELECT k.id, NULL::uuid FROM "ApiKey" k
   WHERE k."workspaceId" = ${workspaceId}
     AND (k."ownerId" = ${userId} OR k."createdById" = ${userId})
   UNION
  SELECT ${given} FROM "ApiKeySecret" s
   WHERE s."workspaceId" = ${workspaceId} AND s."receiverId" = ${userId}`

/**
 * The descendants of a key or user, themselves included: the keys that they made, the secrets that they
 * were given, and the descendants of these. What a secret was given, by itself or by a token, is its own
 * also once another one has replaced it.
 */
const findDescendants = (
  { db, workspace }: WorkspaceTransaction,
  root: Root,
): Promise<Descendant[]> =>
  db.$queryRaw<Descendant[]>`
    WITH RECURSIVE descendant (id, "secretId") AS (
      ${'keyId' in root ? ofKey(root.keyId) : ofUser(workspace.id, root.userId)}
      UNION
      SELECT next.* FROM descendant d CROSS JOIN LATERAL (
        SELECT k.id, NULL::uuid FROM "ApiKey" k
         WHERE k."workspaceId" = ${workspace.id} AND k."createdByKeyId" = d.id
           AND d."secretId" IS NULL
         UNION ALL
        SELECT ${given} FROM "ApiKeySecret" s
         WHERE s."workspaceId" = ${workspace.id} AND s."receiverKeyId" = d.id
           AND (d."secretId" IS NULL OR s."receiverSecretId" = d."secretId" OR EXISTS (
             SELECT 1 FROM "AccessToken" t
               JOIN "ApiKeySecret" ms ON ms."workspaceId" = t."workspaceId" AND ms.id = t."secretId"
              WHERE t."workspaceId" = s."workspaceId" AND t.id = s."receiverTokenId"
                AND coalesce(ms."originId", ms.id) = d."secretId"))) next)
    SELECT id, "secretId" FROM descendant ORDER BY id`

/**
 * Revokes the keys that came of a key or user, and where only a replaced secret of a key did, ends that
 * secret; the number of the keys. The key itself, or the user's own keys, are not among them.
 *
 * @throws RequestError FORBIDDEN where the caller may not revoke one of them
 */
export async function revokeDescendants(
  c: WorkspaceTransaction,
  caller: Caller | null | undefined,
  root: Root,
  revocation: Revocation,
): Promise<number> {
  const descendants = await findDescendants(c, root)
  const ids = [...new Set(descendants.map(({ id }) => id))]
  const taken = new Set(descendants.filter((it) => it.secretId === null).map(({ id }) => id))
  const secretIds = descendants.map(({ secretId }) => secretId).filter((id) => id !== null)
  const keys = (await findKeyRecords(c.db, c.workspace.id, ids)).filter(
    ({ id, ownerId, revokedAt }) =>
      revokedAt === null && ('keyId' in root ? id !== root.keyId : ownerId !== root.userId),
  )
  const { revoked = [], kept = [] } = Object.groupBy(keys, ({ id }) =>
    taken.has(id) ? 'revoked' : 'kept',
  )
  await retireReplacedSecrets(c, caller, kept, secretIds)
  return (await revokeLiveKeys(c, caller, revoked, revocation)).length
}

/** Ends those of the secrets, and of what the keys rotated them to, that work on beside a newer one. */
async function retireReplacedSecrets(
  { db, workspace, now, record }: WorkspaceTransaction,
  caller: Caller | null | undefined,
  keys: readonly KeyRecord[],
  secretIds: readonly string[],
): Promise<void> {
  const where = {
    workspaceId: workspace.id,
    keyId: { in: keys.map(({ id }) => id) },
    endsAt: { gt: now },
    OR: [{ id: { in: [...secretIds] } }, { originId: { in: [...secretIds] } }],
  }
  const ended = new Set(
    (await db.apiKeySecret.findMany({ where, select: { keyId: true } })).map(({ keyId }) => keyId),
  )
  await db.apiKeySecret.updateMany({ where, data: { endsAt: now } })
  for (const key of keys.filter(({ id }) => ended.has(id))) {
    assertMayRevoke(caller, key)
    const { id: targetId, name: targetName } = key
    record({ action: 'api_key.previous_secret_retired', targetId, targetName })
  }
}
