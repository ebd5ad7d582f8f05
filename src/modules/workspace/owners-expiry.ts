import { effectiveExpiry } from '../../auth/key-record.ts'
import { holds } from '../../auth/policy.ts'
import { forbidden } from '../../errors.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { type EndingPolicies, expiryUnderPolicies } from './expiry-policy.ts'

/**
 * Whether the caller may have changed the policies, as far as OWNERs go: to shorten the life of a live
 * key of another OWNER, or of the legacy secret that such a key still has, is to change an OWNER's key.
 * A token ends with its key. Call this once the new policies are stored, and before they end secrets.
 *
 * @throws RequestError FORBIDDEN naming members:own
 */
export async function assertMayShortenOwnersKeys(
  { db, caller, workspace }: CallerTransaction,
  before: EndingPolicies,
): Promise<void> {
  if (holds(caller.rights, 'members:own')) return
  const endBefore = expiryUnderPolicies(before)
  const shortened = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
      JOIN "Member" m ON m."workspaceId" = k."workspaceId" AND m."userId" = k."ownerId"
     WHERE k."workspaceId" = ${workspace.id} AND k."revokedAt" IS NULL
       AND m.role = 'OWNER' AND k."ownerId" <> ${caller.user.id}
       AND coalesce(${endBefore} > clock_timestamp(), TRUE)
       AND (${effectiveExpiry} < coalesce(${endBefore}, 'infinity') OR EXISTS (
         SELECT 1 FROM "ApiKeySecret" o
          WHERE o."workspaceId" = k."workspaceId" AND o."keyId" = k.id AND o.legacy
            AND o."endsAt" > clock_timestamp()
            AND least(o."endsAt", ${endBefore}) > w."legacyKeySunsetAt"))
     LIMIT 1`
  if (shortened.length > 0) throw forbidden(['members:own'], ['members:own'])
}
