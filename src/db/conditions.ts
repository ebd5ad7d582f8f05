import { Prisma } from '../generated/prisma/client.ts'
import { isId } from '../ids.ts'

/** Whether the column holds this id. What has no id's shape is nowhere, and is not sent. */
export const equalsId = (column: Prisma.Sql, id: string): Prisma.Sql =>
  isId(id) ? Prisma.sql`${column} = ${id}` : Prisma.sql`FALSE`

/**
 * Whether the column holds none of the ids. A subquery is hashed under every plan, while `<> ALL` and
 * `= ANY` compare with each id in turn where the plan is a generic one.
 */
export const isNoneOf = (column: Prisma.Sql, ids: readonly string[]): Prisma.Sql =>
  Prisma.sql`${column} NOT IN (SELECT unnest(${ids}::text[]))`

/**
 * Whether `from` has a row that fulfils the condition. EXISTS leaves it to the planner's estimates
 * whether all rows of the table are joined or scanned for it; in the order of an index, as the column
 * names it, those of the condition are read up to the first.
 */
export const isThere = (from: Prisma.Sql, condition: Prisma.Sql, column: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`((SELECT TRUE FROM ${from} WHERE ${condition} ORDER BY ${column} LIMIT 1) IS NOT NULL)`

/** Whether the column lies after or before an instant. */
export const compareInstant = (column: Prisma.Sql, operator: '<' | '>', at: Date): Prisma.Sql =>
  Prisma.sql`${column} ${operator === '<' ? Prisma.sql`<` : Prisma.sql`>`} ${at.toISOString()}::timestamptz`

/** Whether the column contains the text, in any case; the text's own wildcards stand for themselves. */
export const contains = (column: Prisma.Sql, text: string): Prisma.Sql =>
  Prisma.sql`${column} ILIKE ${`%${text.replaceAll(/[\\%_]/g, '\\$&')}%`}`

/** All of the conditions; TRUE when there is none. */
export const all = (conditions: readonly Prisma.Sql[]): Prisma.Sql =>
  conditions.length === 0 ? Prisma.sql`TRUE` : Prisma.join([...conditions], ' AND ')
