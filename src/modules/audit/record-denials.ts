import type { Deps } from '../../deps.ts'
import { RequestError } from '../../errors.ts'
import type { DenialSum } from '../../jobs/denials.ts'
import { every, withTimeout } from '../../timeout.ts'
import type { AuditAction } from '../../transactions/audit-actions.ts'
import type { ChangeEvent } from '../../transactions/audit-event.ts'
import { asOperator, type WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** How often they are written, in milliseconds. */
const writeEveryMs = 60_000
/** A database that hangs is not waited for by a process that is to end. */
const closeWithinMs = 3_000

/** Any other reason is one for which the credential was not accepted. */
const actions: Readonly<Record<string, AuditAction>> = {
  FORBIDDEN: 'request.denied',
  INSUFFICIENT_PERMISSIONS: 'request.denied',
  SPACE_NOT_ALLOWED: 'request.denied',
  RATE_LIMITED: 'request.rate_limited',
}

const idsIn = (sums: readonly DenialSum[], name: 'keyId' | 'tokenId' | 'userId'): string[] =>
  sums.flatMap((sum) => sum[name] ?? [])

/** Whose credentials they are, as the workspace shows them. */
async function findCredentials(
  { db, workspace }: WorkspaceTransaction,
  sums: readonly DenialSum[],
) {
  const its = { workspaceId: workspace.id }
  const tokens = await db.accessToken.findMany({
    where: { ...its, id: { in: idsIn(sums, 'tokenId') } },
    select: { id: true, keyId: true },
  })
  const keyIds = [...idsIn(sums, 'keyId'), ...tokens.map(({ keyId }) => keyId)]
  const keys = await db.apiKey.findMany({
    where: { ...its, id: { in: keyIds } },
    select: { id: true, name: true, ownerId: true },
  })
  const userIds = [...idsIn(sums, 'userId'), ...keys.map(({ ownerId }) => ownerId)]
  const members = await db.member.findMany({
    where: { ...its, userId: { in: userIds } },
    select: { userId: true, name: true },
  })
  return {
    keyOfToken: new Map(tokens.map(({ id, keyId }) => [id, keyId])),
    keys: new Map(keys.map((key) => [key.id, key])),
    names: new Map(members.map(({ userId, name }) => [userId, name])),
  }
}

type Credentials = Awaited<ReturnType<typeof findCredentials>>

/** The event of a sum; undefined for a credential that is not the workspace's. */
function eventOf(
  { workspace }: WorkspaceTransaction,
  { keyOfToken, keys, names }: Credentials,
  sum: DenialSum,
): ChangeEvent | undefined {
  const { tokenId = null, userId, address, requestId, reason, count, missing } = sum
  const key = keys.get(tokenId === null ? (sum.keyId ?? '') : (keyOfToken.get(tokenId) ?? ''))
  const id = userId ?? key?.ownerId ?? null
  const isSeveral = tokenId === null && sum.keyId === undefined && userId === undefined
  if (!isSeveral && (id === null || !names.has(id))) return undefined
  const name = names.get(id ?? '') ?? 'several credentials'
  const kind = tokenId !== null ? 'ACCESS_TOKEN' : key ? 'API_KEY' : id && 'HUMAN'
  const told = {
    reason,
    count,
    ...(missing.length > 0 && { missingPermissions: missing }),
    firstAt: sum.firstAt,
    lastAt: sum.lastAt,
  }
  return {
    action: actions[reason] ?? 'credential.refused',
    targetId: key?.id ?? id ?? workspace.id,
    targetName: key?.name ?? (isSeveral ? workspace.name : name),
    changes: Object.entries(told).map(([field, after]) => ({ field, before: null, after })),
    actor: {
      kind: kind || null,
      id,
      name,
      apiKeyId: key?.id ?? null,
      accessTokenId: tokenId,
      address,
      requestId,
    },
  }
}

async function record(c: WorkspaceTransaction, sums: readonly DenialSum[]): Promise<void> {
  const credentials = await findCredentials(c, sums)
  for (const sum of sums) {
    const event = eventOf(c, credentials, sum)
    if (event !== undefined) c.record(event)
  }
}

/**
 * Writes what was refused to known credentials since the last time: an event for each of them and each
 * reason. What cannot be written is kept for the next time.
 */
export async function recordDenials(deps: Deps): Promise<void> {
  const { sums, lost } = deps.denials.take()
  if (lost > 0) deps.logger.warn({ count: lost }, 'denied requests are in no audit log: too many')
  for (const [workspaceId, its] of Map.groupBy(sums, (sum) => sum.workspaceId))
    try {
      const work = (c: WorkspaceTransaction) => record(c, its)
      await asOperator(deps, workspaceId, work, { keepsAuthorization: true })
    } catch (err) {
      if (err instanceof RequestError && err.code === 'WORKSPACE_NOT_FOUND') continue
      deps.denials.restore(its)
      deps.logger.warn({ err, workspaceId }, 'denied requests are not in the audit log yet')
    }
}

/** Writes them once a minute, and what is left when it is closed. */
export function watchDenials(deps: Deps): { close(): Promise<void> } {
  let writing = Promise.resolve()
  const write = (): Promise<void> => {
    writing = writing.then(() => recordDenials(deps))
    return writing
  }
  const stop = every(writeEveryMs, write)
  return {
    async close() {
      stop()
      await withTimeout(write(), closeWithinMs)
    },
  }
}
