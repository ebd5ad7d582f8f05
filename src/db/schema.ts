import pg from 'pg'
import { Prisma } from '../generated/prisma/client.ts'
import { MigrationError, type SqlSession } from './migrate.ts'

const insufficientPrivilege = '42501'

/** @throws MigrationError with what to grant, where the role may not do it */
const granted =
  (grant: string) =>
  (cause: unknown): never => {
    if (!(cause instanceof pg.DatabaseError && cause.code === insufficientPrivilege)) throw cause
    throw new MigrationError(`${cause.message}; as the owner of the database, run: ${grant}`, {
      cause,
    })
  }

/** The present role, database and schema, each as an identifier. */
async function names(session: SqlSession) {
  const [row] = await session.query(
    'SELECT current_user AS role, current_database() AS database, current_schema() AS schema',
  )
  const schema = row?.schema as string | null
  const identifiers = {
    role: pg.escapeIdentifier(String(row?.role)),
    database: pg.escapeIdentifier(String(row?.database)),
  }
  return { ...identifiers, schema }
}

/**
 * Earlier versions did not read `schema=`, and an installation that is there must not be passed over.
 *
 * @throws MigrationError where the tables are in `public` and the named schema is still to be made
 */
async function assertNoneInPublic(session: SqlSession, named: string): Promise<void> {
  const [row] = await session.query(
    `SELECT to_regclass('public."ApiKeySecret"') IS NOT NULL AS found`,
  )
  if (row?.found === true)
    throw new MigrationError(
      `the schema ${named} is not there, and an installation is in the schema public: leave "schema=" out of DATABASE_URL, or make the schema for another installation`,
    )
}

/**
 * Makes the schema that the DATABASE_URL names, if it is not there, and makes sure that tables can be
 * made in the schema of the session.
 *
 * @param named undefined: the first one of the search path
 * @returns its name
 * @throws MigrationError when there is none, or a privilege is missing
 */
export async function useSchema(session: SqlSession, named: string | undefined): Promise<string> {
  const { role, database, schema: present } = await names(session)
  if (named !== undefined && present !== named) {
    await assertNoneInPublic(session, named)
    await session
      .run(`CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(named)}`)
      .catch(granted(`GRANT CREATE ON DATABASE ${database} TO ${role}`))
    if ((await names(session)).schema !== named)
      throw new MigrationError(
        `the schema ${named} is not used by the session: the role ${role} needs USAGE and CREATE on it, and a pooler must pass "options" on`,
      )
  }
  const schema = named ?? present
  if (schema === null)
    throw new MigrationError(
      'no schema of the search_path is there; make it, or name one by "schema=" in DATABASE_URL',
    )
  const [may] = await session.query(
    `SELECT has_schema_privilege($1, 'CREATE') OR to_regclass(format('%I._prisma_migrations', $1::text)) IS NOT NULL AS create`,
    [schema],
  )
  if (may?.create !== true)
    throw new MigrationError(
      `the role ${role} may make no tables in the schema ${schema}; as its owner, run: GRANT CREATE ON SCHEMA ${pg.escapeIdentifier(schema)} TO ${role}`,
    )
  return schema
}

/** @throws MigrationError with what to grant, where the role may not use some of our tables */
export async function assertPrivileges(session: SqlSession, schema: string): Promise<void> {
  const refused = await session.query(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname = ANY($2)
        AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
             AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
      ORDER BY 1`,
    [schema, Object.values(Prisma.ModelName)],
  )
  if (refused.length === 0) return
  const { role } = await names(session)
  const tables = refused.map(({ name }) => name).join(', ')
  throw new MigrationError(
    `the role ${role} may not read and write all tables; as their owner, run: GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO ${role}`,
  )
}
