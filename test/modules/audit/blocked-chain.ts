import { Prisma } from '../../../src/generated/prisma/client.ts'
import type { TestWorkspace, World } from '../../setup/world.ts'

type Id = Pick<TestWorkspace, 'id'>

/** Runs `work` while no event can be written: its place in the chain is taken. */
export async function whileBlocked<T>(
  { deps: { prisma } }: Pick<World, 'deps'>,
  { id }: Id,
  work: () => Promise<T>,
): Promise<T> {
  const { auditSequence } = await prisma.workspace.findUniqueOrThrow({ where: { id } })
  const last = await prisma.auditEvent.findFirstOrThrow({
    where: { workspaceId: id, sequence: auditSequence },
  })
  const inTheWay = { workspaceId: id, id: 'evt_in_the_way' }
  await prisma.auditEvent.create({ data: { ...last, ...inTheWay, sequence: auditSequence + 1n } })
  try {
    return await work()
  } finally {
    await prisma.auditEvent.delete({ where: { workspaceId_id: inTheWay } })
  }
}

/** What is written apart from any change, and stays when that fails. */
const apart = '(Usage|^StrayContent)'

/** A digest of all that is stored of a workspace, by table. */
export async function contentsOf(
  { deps: { prisma } }: Pick<World, 'deps'>,
  { id }: Id,
): Promise<unknown> {
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT c.relname::text AS name FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspaceId'
     WHERE c.relkind = 'r' AND c.relname !~ ${apart}`
  const digestOf = (table: string, column: string): Prisma.Sql => Prisma.sql`
    SELECT ${table}::text AS "table", md5(string_agg(t::text, '' ORDER BY t::text)) AS digest
      FROM ${Prisma.raw(`"${table}"`)} t WHERE t.${Prisma.raw(`"${column}"`)} = ${id}`
  const digests = [
    digestOf('Workspace', 'id'),
    ...tables.map(({ name }) => digestOf(name, 'workspaceId')),
  ]
  return await prisma.$queryRaw(Prisma.join(digests, ' UNION ALL '))
}
