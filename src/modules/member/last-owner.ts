import { userError } from '../../errors.ts'
import type { Member } from '../../generated/prisma/client.ts'
import type { CallerTransaction } from '../../transactions/workspace-transaction.ts'
import { isAccepted } from '../api-key/key-state.ts'

/**
 * A workspace keeps a human OWNER who can act: one who has signed in before, or one with a key for
 * everything, as the first start makes it. One whose address was entered, and who has never come, may
 * never come, and a key for less may end in a minute.
 *
 * @throws UserInputError WRONG_STATE when no other one than this member is left
 */
export async function assertAnotherOwner(
  { db, workspace }: CallerTransaction,
  member: Pick<Member, 'id'>,
): Promise<void> {
  const others = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM "Member" m JOIN "User" u ON u.id = m."userId"
      JOIN "Workspace" w ON w.id = m."workspaceId"
     WHERE m."workspaceId" = ${workspace.id} AND m.role = 'OWNER' AND m."removedAt" IS NULL
       AND u.kind = 'HUMAN' AND m.id <> ${member.id}
       AND (EXISTS (SELECT 1 FROM "Identity" i WHERE i."userId" = m."userId")
         OR EXISTS (SELECT 1 FROM "ApiKey" k
             WHERE k."workspaceId" = m."workspaceId" AND k."ownerId" = m."userId"
               AND '*' = ANY(k.permissions) AND ${isAccepted}))
     LIMIT 1`
  if (others.length === 0)
    throw userError(
      'WRONG_STATE',
      ['input', 'id'],
      'A workspace keeps at least one human OWNER who has signed in, or has an owner key.',
    )
}
