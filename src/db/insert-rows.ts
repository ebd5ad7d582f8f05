import { Prisma } from '../generated/prisma/client.ts'

/** What is inserted many rows at a time, by table. */
interface Rows {
  readonly ApiKey: Prisma.ApiKeyCreateManyInput
  readonly ApiKeySecret: Prisma.ApiKeySecretCreateManyInput
  readonly AuditEvent: Prisma.AuditEventCreateManyInput
  readonly SpaceGrant: Prisma.SpaceGrantCreateManyInput
  readonly UserLegacyKey: Prisma.UserLegacyKeyCreateManyInput
}

type Db = Pick<Prisma.TransactionClient, '$executeRaw' | '$queryRaw'>

const quoted = (name: string): Prisma.Sql => Prisma.raw(`"${name}"`)

/** As PostgreSQL reads it out of JSON: bytes in hex. */
const jsonValue = (_name: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'bigint' ? String(value) : value
}

/** The rows as an INSERT takes them; all of them have the columns of the first. */
function insertOf<Table extends keyof Rows>(
  table: Table,
  rows: readonly Rows[Table][],
): Prisma.Sql {
  const columns = Prisma.join(Object.keys(rows[0] ?? {}).map(quoted))
  const json = JSON.stringify(rows, jsonValue)
  return Prisma.sql`INSERT INTO ${quoted(table)} (${columns})
    SELECT ${columns} FROM json_populate_recordset(NULL::${quoted(table)}, ${json}::json)`
}

/**
 * Inserts rows by one statement of one parameter: with one for each value a thousand rows take many
 * times as long.
 */
export async function insertRows<Table extends keyof Rows>(
  db: Db,
  table: Table,
  rows: readonly Rows[Table][],
): Promise<void> {
  if (rows.length > 0) await db.$executeRaw(insertOf(table, rows))
}

/**
 * The same, without those that are there already. One that another transaction is inserting is waited
 * for, and left to it. They are inserted in the order of `key`, as everywhere: two transactions that
 * insert the same ones do not wait for each other.
 *
 * @returns the values of `key` that were inserted
 */
export async function insertNewRows<
  Table extends keyof Rows,
  Key extends keyof Rows[Table] & string,
>(db: Db, table: Table, rows: readonly Rows[Table][], key: Key): Promise<Rows[Table][Key][]> {
  if (rows.length === 0) return []
  const inserted = await db.$queryRaw<Record<Key, Rows[Table][Key]>[]>`${insertOf(table, rows)}
    ORDER BY ${quoted(key)} ON CONFLICT (${quoted(key)}) DO NOTHING RETURNING ${quoted(key)}`
  return inserted.map((row) => row[key])
}
