import { Prisma } from '../generated/prisma/client.ts'

type Models = Prisma.TypeMap['model']

/** The row of a table; what has a default may be left out. */
export type Row<Table extends Prisma.ModelName> = Models[Table]['operations'] extends {
  createMany: { args: { data?: infer Data } }
}
  ? Exclude<Data, readonly unknown[] | undefined>
  : never

type Db = Pick<Prisma.TransactionClient, '$executeRaw' | '$queryRaw'>

const quoted = (name: string): Prisma.Sql => Prisma.raw(`"${name}"`)

/** As PostgreSQL reads it out of JSON: bytes in hex. */
const jsonValue = (_name: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'bigint' ? String(value) : value
}

/**
 * The statement that inserts rows, all of which have the columns of the first. They are one parameter:
 * with one for each value, as by createMany, a thousand rows take many times as long (bench/README.md).
 */
export function insertOf<Table extends Prisma.ModelName>(
  table: Table,
  rows: readonly Row<Table>[],
): Prisma.Sql {
  const columns = Prisma.join(Object.keys(rows[0] ?? {}).map(quoted))
  const json = JSON.stringify(rows, jsonValue)
  return Prisma.sql`INSERT INTO ${quoted(table)} (${columns})
    SELECT ${columns} FROM json_populate_recordset(NULL::${quoted(table)}, ${json}::json)`
}

/**
 * Inserts rows at once, without those that are there already. One that another transaction is inserting
 * is waited for, and left to it. They are inserted in the order of `key`, as everywhere: two
 * transactions that insert the same ones do not wait for each other.
 *
 * @returns the values of `key` that were inserted
 */
export async function insertNewRows<
  Table extends Prisma.ModelName,
  Key extends keyof Row<Table> & string,
>(db: Db, table: Table, rows: readonly Row<Table>[], key: Key): Promise<Row<Table>[Key][]> {
  if (rows.length === 0) return []
  const inserted = await db.$queryRaw<Record<Key, Row<Table>[Key]>[]>`${insertOf(table, rows)}
    ORDER BY ${quoted(key)} ON CONFLICT (${quoted(key)}) DO NOTHING RETURNING ${quoted(key)}`
  return inserted.map((row) => row[key])
}

/** Runs changes of different rows, none of which sees another, and `last`, as one statement. */
export async function runAtOnce(
  db: Db,
  changes: readonly Prisma.Sql[],
  last: Prisma.Sql | undefined,
): Promise<void> {
  const named = changes.map((change, index) => Prisma.sql`${quoted(`c${index}`)} AS (${change})`)
  const before = named.length > 0 ? Prisma.sql`WITH ${Prisma.join(named)}` : Prisma.empty
  if (named.length > 0 || last) await db.$executeRaw`${before} ${last ?? Prisma.sql`SELECT 1`}`
}
