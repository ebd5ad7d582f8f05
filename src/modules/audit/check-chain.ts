import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import type { AuditEvent } from '../../generated/prisma/client.ts'
import { eventHash } from '../../transactions/audit-chain.ts'
import { readEvents } from './read-events.ts'

/** Where a chain is broken first; without an id the event of that number is missing. */
export interface BrokenPlace {
  readonly sequence: bigint
  readonly id: string | null
}

/** What a check of a chain has found. */
export interface ChainCheck {
  /** Undefined: the chain is intact. */
  readonly broken: BrokenPlace | undefined
  readonly checkedEvents: number
  readonly headSequence: bigint
  readonly headHash: string | null
}

/** Where a chain must end, and what lies behind that all the same, as one statement saw them. */
interface Head extends Pick<ChainCheck, 'headSequence' | 'headHash'> {
  readonly beyondSequence: bigint | null
  readonly beyondId: string | null
}

const isSound = (auditKey: Deps['auditKey'], event: AuditEvent, before: string | null): boolean => {
  const { hash, ...values } = event
  return event.previousHash === before && eventHash(auditKey, values) === hash
}

async function check(deps: Deps, workspaceId: string): Promise<ChainCheck> {
  const [head] = await deps.prisma.$queryRaw<Head[]>`
    SELECT w."auditSequence" AS "headSequence", w."auditHash" AS "headHash",
           beyond.sequence AS "beyondSequence", beyond.id AS "beyondId"
      FROM "Workspace" w LEFT JOIN LATERAL (
        SELECT e.sequence, e.id FROM "AuditEvent" e
         WHERE e."workspaceId" = w.id AND e.sequence > w."auditSequence"
         ORDER BY e.sequence LIMIT 1) AS beyond ON TRUE
     WHERE w.id = ${workspaceId}`
  if (head === undefined) throw new Error(`there is no workspace ${workspaceId}`)
  const { headSequence, headHash, beyondSequence, beyondId } = head
  let last: Pick<AuditEvent, 'sequence' | 'id' | 'hash'> | undefined
  let checkedEvents = 0
  const found = (broken?: BrokenPlace): ChainCheck => ({
    broken,
    checkedEvents,
    headSequence,
    headHash,
  })
  for await (const events of readEvents(deps, workspaceId, headSequence)) {
    for (const event of events) {
      const expected = (last?.sequence ?? 0n) + 1n
      if (event.sequence > expected) return found({ sequence: expected, id: null })
      checkedEvents += 1
      if (event.sequence < expected || !isSound(deps.auditKey, event, last?.hash ?? null))
        return found(event)
      last = event
    }
    await nextTurn()
  }
  const { sequence = 0n, hash = null, id = null } = last ?? {}
  if (sequence < headSequence) return found({ sequence: sequence + 1n, id: null })
  if (hash !== headHash) return found({ sequence, id })
  return found(beyondSequence === null ? undefined : { sequence: beyondSequence, id: beyondId })
}

/** By database client, then by workspace. */
const checks = new WeakMap<object, Map<string, Promise<ChainCheck>>>()

/**
 * Recomputes the audit chain of a workspace up to its head, in bounded memory, and lets others have
 * their turn in between. Who asks while a check of the workspace is on its way here is given that one.
 */
export function checkChain(deps: Deps, workspaceId: string): Promise<ChainCheck> {
  const its = checks.get(deps.prisma) ?? new Map<string, Promise<ChainCheck>>()
  checks.set(deps.prisma, its)
  const checking =
    its.get(workspaceId) ?? check(deps, workspaceId).finally(() => its.delete(workspaceId))
  its.set(workspaceId, checking)
  return checking
}
