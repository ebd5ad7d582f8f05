import type { Workspace } from '../../generated/prisma/client.ts'
import { parseInstant } from '../../input/instant.ts'
import { ValidationErrors } from '../../input/problems.ts'
import { nameInput } from '../../input/text.ts'
import type { ServiceContext } from '../../service-context.ts'
import { changesBetween } from '../../transactions/audit-event.ts'
import {
  type CallerTransaction,
  inWorkspaceTransaction,
} from '../../transactions/workspace-transaction.ts'
import { assertMayRelaxExpiry } from './expiry-policy.ts'
import { assertMayShortenOwnersKeys } from './owners-expiry.ts'
import { slugInput, slugTaken, takeSlug } from './slug.ts'

/** A century: dates stay within what a DateTime can tell. */
const maxLifetimeDays = 36_500

export interface UpdateWorkspaceInput {
  readonly name?: string | null | undefined
  readonly slug?: string | null | undefined
  readonly maxKeyLifetimeDays?: number | null | undefined
  readonly legacyKeySunsetAt?: string | null | undefined
}

function sunsetInput(problems: ValidationErrors, value: string | null): Date | null {
  const sunset = value === null ? undefined : parseInstant(value)
  if (sunset === undefined)
    problems.add('INVALID', ['legacyKeySunsetAt'], 'This is no RFC 3339 instant.')
  return sunset ?? null
}

function lifetimeInput(problems: ValidationErrors, value: number | null): number | null {
  if (value !== null && (value < 1 || value > maxLifetimeDays))
    problems.add('INVALID', ['maxKeyLifetimeDays'], `1 to ${maxLifetimeDays} days are possible.`)
  return value
}

/** Ends with an earlier sunset the legacy secrets that a migration let live on until after it. */
async function endReplacedSecrets(
  { db, workspace }: CallerTransaction,
  sunset: Date,
): Promise<void> {
  await db.apiKeySecret.updateMany({
    where: { workspaceId: workspace.id, legacy: true, endsAt: { gt: sunset } },
    data: { endsAt: sunset },
  })
}

/**
 * Changes the workspace and its policies. Absent fields stay; null removes the lifetime policy. Who
 * relaxes it, or moves the sunset of legacy keys to a later date, must be one who could grant every
 * key that lives longer by it; whoever shortens the life of another OWNER's key needs members:own.
 */
export function updateWorkspace(
  context: ServiceContext,
  input: UpdateWorkspaceInput,
): Promise<Workspace> {
  const { name, slug, maxKeyLifetimeDays, legacyKeySunsetAt } = input
  const problems = new ValidationErrors()
  const fields = {
    ...(name !== undefined && { name: nameInput(problems, ['name'], name) }),
    ...(slug !== undefined && { slug: slugInput(problems, ['slug'], slug) }),
    ...(maxKeyLifetimeDays !== undefined && {
      maxKeyLifetimeDays: lifetimeInput(problems, maxKeyLifetimeDays),
    }),
    ...(legacyKeySunsetAt !== undefined && {
      legacyKeySunsetAt: sunsetInput(problems, legacyKeySunsetAt),
    }),
  }
  problems.throwIfAny()
  return inWorkspaceTransaction(context, { permission: 'workspace:update' }, async (c) => {
    const changes = changesBetween<Partial<Workspace>>(c.workspace, fields)
    if (changes.length === 0) return c.workspace
    c.record({
      action: 'workspace.updated',
      targetId: c.workspace.id,
      targetName: c.workspace.name,
      changes,
    })
    if (fields.slug !== undefined) await takeSlug(c, fields.slug)
    const updated = await c.db.workspace.update({ where: { id: c.workspace.id }, data: fields })
    await assertMayShortenOwnersKeys(c, c.workspace)
    await assertMayRelaxExpiry(c, c.workspace, updated)
    if (fields.legacyKeySunsetAt) await endReplacedSecrets(c, fields.legacyKeySunsetAt)
    return updated
  }).catch(slugTaken)
}
