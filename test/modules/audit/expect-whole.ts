import { createHmac } from 'node:crypto'
import { expect } from 'vitest'
import type { AuditEvent, Workspace } from '../../../src/generated/prisma/client.ts'
import type { World } from '../../setup/world.ts'

/** RFC 8785 for flat objects of strings, safe integers and nulls: members in the order of their names. */
const canonical = (values: Readonly<Record<string, string | number | null>>): string =>
  `{${Object.keys(values)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(values[name])}`)
    .join(',')}}`

/** What each event's hash must be, reckoned anew from the first one on. */
function reckon(auditKey: Uint8Array, events: readonly AuditEvent[]): string[] {
  let previousHash: string | null = null
  return events.map(({ hash: _, ...event }) => {
    const text = canonical({ ...event, at: event.at.toISOString(), previousHash })
    previousHash = createHmac('sha256', auditKey).update(text).digest('hex')
    return previousHash
  })
}

/** Checks that a workspace's audit chain has no gap and ends in its head, and gives its events. */
export async function expectWhole(
  { deps: { prisma, auditKey } }: World,
  { id }: Pick<Workspace, 'id'>,
): Promise<AuditEvent[]> {
  const events = await prisma.auditEvent.findMany({
    where: { workspaceId: id },
    orderBy: { sequence: 'asc' },
  })
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1))
  expect(events.map(({ hash }) => hash)).toEqual(reckon(auditKey, events))
  const { auditSequence, auditHash } = await prisma.workspace.findUniqueOrThrow({ where: { id } })
  expect({ auditSequence, auditHash }).toEqual({
    auditSequence: events.length,
    auditHash: events.at(-1)?.hash,
  })
  return events
}
