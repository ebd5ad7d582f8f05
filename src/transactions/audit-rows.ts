import type { Caller } from '../auth/caller.ts'
import type { AuditEvent, Workspace } from '../generated/prisma/client.ts'
import { newId } from '../ids.ts'
import { eventHash } from './audit-chain.ts'
import { type ChangeEvent, changesText } from './audit-event.ts'

/** Who did something, as the audit keeps it. */
export interface Actor {
  readonly kind: Caller['kind'] | null
  readonly id: string | null
  /** As the workspace shows them. */
  readonly name: string
  readonly apiKeyId: string | null
  readonly accessTokenId: string | null
  readonly address: string | undefined
  readonly requestId: string | undefined
}

/** A workspace and where its chain of events ends. */
type Chain = Pick<Workspace, 'id' | 'auditSequence' | 'auditHash'> & { readonly now: Date }

/** The events as they are stored, each chained to the one before it, in the order given. */
export function chainedEvents(
  auditKey: Uint8Array,
  workspace: Chain,
  actor: Actor,
  events: readonly ChangeEvent[],
): AuditEvent[] {
  let head = { sequence: workspace.auditSequence, hash: workspace.auditHash }
  return events.map((event) => {
    const values = {
      workspaceId: workspace.id,
      sequence: head.sequence + 1n,
      id: newId('evt'),
      at: workspace.now,
      action: event.action,
      actorKind: actor.kind,
      actorId: actor.id,
      actorName: actor.name,
      apiKeyId: actor.apiKeyId,
      accessTokenId: actor.accessTokenId,
      targetId: event.targetId,
      targetName: event.targetName,
      ip: actor.address ?? null,
      requestId: actor.requestId ?? null,
      changes: changesText(event.changes ?? []),
      previousHash: head.hash,
    }
    const hash = eventHash(auditKey, values)
    head = { sequence: values.sequence, hash }
    return { ...values, hash }
  })
}
