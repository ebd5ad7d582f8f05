import { createHmac, type KeyObject } from 'node:crypto'
import { expect } from 'vitest'
import type { AuditEvent, Workspace } from '../../../src/generated/prisma/client.ts'
import type { World } from '../../setup/world.ts'

/** RFC 8785 for flat objects of strings, integers and nulls: members in the order of their names. */
const canonical = (values: Readonly<Record<string, string | bigint | null>>): string =>
  `{${Object.keys(values)
    .sort()
    .map((name) => {
      const value = values[name]
      return `${JSON.stringify(name)}:${typeof value === 'bigint' ? value : JSON.stringify(value)}`
    })
    .join(',')}}`

/** Where a chain ended before the events that are looked at. */
type Head = Pick<Workspace, 'auditSequence' | 'auditHash'>

const beginning: Head = { auditSequence: 0n, auditHash: null }

/** What each event's hash must be, reckoned anew from the first one on. */
export function reckon(
  auditKey: KeyObject,
  events: readonly AuditEvent[],
  { auditHash }: Head = beginning,
): string[] {
  let previousHash = auditHash
  return events.map(({ hash: _, ...event }) => {
    const text = canonical({ ...event, at: event.at.toISOString(), previousHash })
    previousHash = createHmac('sha256', auditKey).update(text).digest('hex')
    return previousHash
  })
}

/**
 * Checks that a workspace's audit chain, behind a head that it had, has no gap and ends in its
 * present head; gives its events.
 */
export async function expectWhole(
  { deps: { prisma, auditKey } }: Pick<World, 'deps'>,
  { id }: Pick<Workspace, 'id'>,
  head = beginning,
): Promise<AuditEvent[]> {
  const events = await prisma.auditEvent.findMany({
    where: { workspaceId: id, sequence: { gt: head.auditSequence } },
    orderBy: { sequence: 'asc' },
  })
  const sequences = events.map((_, index) => head.auditSequence + BigInt(index + 1))
  expect(events.map(({ sequence }) => sequence)).toEqual(sequences)
  expect(events.map(({ hash }) => hash)).toEqual(reckon(auditKey, events, head))
  const { auditSequence, auditHash } = await prisma.workspace.findUniqueOrThrow({ where: { id } })
  expect({ auditSequence, auditHash }).toEqual({
    auditSequence: sequences.at(-1),
    auditHash: events.at(-1)?.hash,
  })
  return events
}
