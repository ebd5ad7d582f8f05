import { expect } from 'vitest'
import type { SqlSession } from '../../../src/db/migrate.ts'
import type { AuditEvent } from '../../../src/generated/prisma/client.ts'
import { deriveAuditKey } from '../../../src/transactions/audit-chain.ts'
import { reckon } from './expect-whole.ts'

/** The migration that gave sequences 64 bits, and all that came after it. */
export const isSince64Bit = ({ name }: { readonly name: string }): boolean =>
  name >= '20261129100000_audit_sequence_64_bit'

const auditKey = deriveAuditKey('a key for tests, long enough to be one')

/** Events as they were hashed when a sequence was a number of 32 bits. */
function oldEvents(): AuditEvent[] {
  const events = Array.from({ length: 50 }, (_, index) => ({
    workspaceId: 'wsp_1',
    sequence: BigInt(index + 1),
    id: `evt_${index}`,
    at: new Date(1_800_000_000_000 + index * 1_001),
    action: 'space.created',
    actorKind: index % 2 === 0 ? ('API_KEY' as const) : null,
    actorId: 'usr_1',
    actorName: 'Ünï "quoted" \\ 🙂',
    apiKeyId: null,
    accessTokenId: null,
    targetId: `spc_${index}`,
    targetName: 'line\nbreak',
    ip: '2001:db8::1',
    requestId: null,
    changes: '[]',
    previousHash: null,
    hash: '',
  }))
  const hashes = reckon(auditKey, events)
  return events.map((event, index) => ({
    ...event,
    previousHash: hashes[index - 1] ?? null,
    hash: hashes[index] ?? '',
  }))
}

const asNumber = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)

/** Writes a workspace and its chain into a database of before. */
export async function writeOldChain(session: SqlSession): Promise<void> {
  const events = oldEvents()
  await session.query(
    `INSERT INTO "Workspace" (id, name, slug, "createdAt", "auditSequence", "auditHash")
     VALUES ('wsp_1', 'Old', 'old', now(), $1, $2)`,
    [events.length, events.at(-1)?.hash],
  )
  await session.query(
    `INSERT INTO "AuditEvent" SELECT * FROM json_populate_recordset(NULL::"AuditEvent", $1::json)`,
    [JSON.stringify(events, asNumber)],
  )
}

/** Checks that the chain is the same event by event, and takes events of 64 bits. */
export async function expectOldChain(session: SqlSession): Promise<void> {
  const rows = await session.query(`SELECT * FROM "AuditEvent" ORDER BY sequence`)
  const events = rows.map((row) => ({ ...row, sequence: BigInt(String(row.sequence)) }))
  expect(events).toEqual(oldEvents())
  const heads = await session.query(
    `UPDATE "Workspace" SET "auditSequence" = "auditSequence" + 4000000000
     RETURNING "auditSequence"::text AS sequence, "auditHash" AS hash`,
  )
  expect(heads).toEqual([{ sequence: '4000000050', hash: rows.at(-1)?.hash }])
  await session.query(`UPDATE "AuditEvent" SET sequence = 9223372036854775807 WHERE sequence = 50`)
}
