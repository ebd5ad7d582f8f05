import type { KeyObject } from 'node:crypto'
import type { AuditEvent, Workspace } from '../generated/prisma/client.ts'
import { newId } from '../ids.ts'
import { eventHash } from './audit-chain.ts'
import { type Actor, type ChangeEvent, changesText } from './audit-event.ts'

/** A workspace and where its chain of events ends. */
type Chain = Pick<Workspace, 'id' | 'auditSequence' | 'auditHash'> & { readonly now: Date }

/** The events as they are stored, each chained to the one before it, in the order given. */
export function chainedEvents(
  auditKey: KeyObject,
  workspace: Chain,
  actor: Actor,
  events: readonly ChangeEvent[],
): AuditEvent[] {
  let head = { sequence: workspace.auditSequence, hash: workspace.auditHash }
  return events.map((event) => {
    const by = event.actor ?? actor
    const values = {
      workspaceId: workspace.id,
      sequence: head.sequence + 1n,
      id: newId('evt'),
      at: workspace.now,
      action: event.action,
      actorKind: by.kind,
      actorId: by.id,
      actorName: by.name,
      apiKeyId: by.apiKeyId,
      accessTokenId: by.accessTokenId,
      targetId: event.targetId,
      targetName: event.targetName,
      ip: by.address ?? null,
      requestId: by.requestId ?? null,
      changes: changesText(event.changes ?? []),
      previousHash: head.hash,
    }
    const hash = eventHash(auditKey, values)
    head = { sequence: values.sequence, hash }
    return { ...values, hash }
  })
}
