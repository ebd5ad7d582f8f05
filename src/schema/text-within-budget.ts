import { Prisma } from '../generated/prisma/client.ts'
import type { Context, DataLoader } from './context.ts'

/** Columns whose texts may be long: no list reads them, but for the rows that show them. */
const columns = {
  'Agent.instructions': Prisma.sql`SELECT id, instructions AS text FROM "Agent"`,
  'AuditEvent.changes': Prisma.sql`SELECT id, changes AS text FROM "AuditEvent"`,
  'Run.input': Prisma.sql`SELECT id, input AS text FROM "Run"`,
  'Run.output': Prisma.sql`SELECT id, output AS text FROM "Run"`,
}

/** A field that shows a long text. */
export type LongText = keyof typeof columns

/** Reads texts of rows that the caller sees, once their length is counted. */
const loaderOf = (context: Context, field: LongText): DataLoader<string | null> =>
  context.loader(field, async (ids) => {
    const { prisma } = context.deps
    const texts = Prisma.sql`${columns[field]}
      WHERE "workspaceId" = ${context.caller.workspaceId} AND id = ANY(${ids}::text[])`
    const [sum] = await prisma.$queryRaw<{ bytes: number | null }[]>`
      SELECT sum(octet_length(text))::float8 AS bytes FROM (${texts}) AS texts`
    context.budget.countRead(sum?.bytes ?? 0)
    const rows = await prisma.$queryRaw<{ id: string; text: string | null }[]>(texts)
    const byId = new Map(rows.map(({ id, text }) => [id, text]))
    return ids.map((id) => byId.get(id) ?? null)
  })

/**
 * A long text of a row that the caller sees.
 *
 * @throws RequestError QUERY_TOO_COMPLEX, before it is read, for more than an answer holds
 */
export const textWithinBudget = (
  context: Context,
  field: LongText,
  id: string,
): Promise<string | null> => loaderOf(context, field).load(id)
