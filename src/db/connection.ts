import pg from 'pg'

/** What node-postgres takes of a DATABASE_URL. */
export type Connection = Pick<pg.ClientConfig, 'connectionString'>

/** For the `options` of a connection: blanks divide them, and a backslash keeps one. */
const searchPath = (schema: string): string =>
  `-c search_path=${pg.escapeIdentifier(schema).replace(/[\\ ]/g, '\\$&')}`

/** Modes that node-postgres takes for something else than libpq does. */
const libpqModes = ['prefer', 'require', 'verify-ca', 'verify-full']

/**
 * How to connect to a DATABASE_URL: `sslmode` means what it means to libpq (PostgreSQL manual, 34.19),
 * and `schema`, as Prisma has it, is the search path.
 */
export function connectionTo(databaseUrl: string): Connection {
  const [base = '', query = ''] = databaseUrl.split('?')
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema')
  parameters.delete('schema')
  if (schema) {
    const options = parameters.get('options')
    parameters.set('options', [...(options ? [options] : []), searchPath(schema)].join(' '))
  }
  if (libpqModes.includes(parameters.get('sslmode') ?? '')) parameters.set('uselibpqcompat', 'true')
  return { connectionString: parameters.size === 0 ? base : `${base}?${parameters}` }
}

/** The schema that a DATABASE_URL names by `schema`; undefined: it names none. */
export const namedSchema = (databaseUrl: string): string | undefined =>
  new URLSearchParams(databaseUrl.split('?')[1]).get('schema') || undefined
