import { hash } from 'node:crypto'
import { Prisma } from '../generated/prisma/client.ts'

const mark = '/* prepared */'

/**
 * Marks a statement that every request runs whose credential is not remembered, behind its first
 * word: a connection to PostgreSQL then keeps it, and plans it no more after a few times. Planning
 * takes many times as long as looking up one row.
 *
 * For texts that never vary, of which there are few: each takes some 300 KB of the server's memory
 * for as long as the connection lives. Such a statement names its columns one by one, for where a
 * newer server adds one to a table, `*` would mean another result than was planned, and the
 * statement would fail ever after.
 */
export const prepared = Prisma.raw(mark)

/** The name under which a connection keeps a statement of that text; empty: it does not. */
export const statementName = (text: string): string =>
  text.includes(mark) ? hash('sha256', text, 'base64url') : ''
