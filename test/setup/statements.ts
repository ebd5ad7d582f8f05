import pg from 'pg'
import { inject, vi } from 'vitest'
import { PreparedPGlite } from '../../src/db/prepared-pglite.ts'
import { sessionSetup } from '../../src/db/session-setup.ts'
import { listenerName } from '../../src/replication/listener.ts'

/** What is sent to the database, seen at its driver. */
export interface Statements {
  /** Every one so far, as text. */
  readonly sent: readonly string[]
  /** The parameters of each. */
  readonly parameters: readonly unknown[][]
  /** Runs after a statement was answered and before its answer is given; what it throws is the answer. */
  answering: (text: string) => void | Promise<void>
  stop(): void
}

type Query = (...args: any[]) => any

/** Whether it writes what keys have used, which goes on beside whatever is asked. */
export const writesUsage = (text: string): boolean =>
  /"ApiKey(Permission|Space)?Usage"/.test(text) && !/^\s*SELECT/.test(text)

const isListener = (client: unknown): boolean =>
  client instanceof pg.Client &&
  'connectionParameters' in client &&
  String((client.connectionParameters as pg.ClientConfig).application_name).startsWith(listenerName)

/**
 * Notes every statement as the driver is given it, and lets it pass. To be started before the
 * database is opened.
 */
export function watchStatements(): Statements {
  const sent: string[] = []
  const parameters: unknown[][] = []
  const statements: Statements = {
    sent,
    parameters,
    answering: () => undefined,
    stop: () => {
      asking.mockRestore()
      beginning.mockRestore()
    },
  }
  const before = async (text: string): Promise<void> => statements.answering(text)
  const noting = (query: Query): Query =>
    function (this: unknown, ...args) {
      // A driver's query has several signatures: text first, or an object that holds it.
      const text = typeof args[0] === 'string' ? args[0] : args[0]?.text
      // What listens for changes, and the pool's opening of connections, go on beside whatever is asked.
      const isBeside = text === sessionSetup || isListener(this)
      if (typeof text !== 'string' || isBeside) return query.apply(this, args)
      sent.push(text)
      parameters.push(Array.isArray(args[1]) ? args[1] : (args[0]?.values ?? []))
      const callback = args.at(-1)
      if (typeof callback === 'function')
        return query.apply(this, [
          ...args.slice(0, -1),
          (...answer: unknown[]) => void before(text).then(() => callback(...answer), callback),
        ])
      return query.apply(this, args).then(async (result: unknown) => {
        await before(text)
        return result
      })
    }
  const prototype: { query: Query } = inject('postgres')
    ? pg.Client.prototype
    : PreparedPGlite.prototype
  const { query } = prototype
  const asking = vi.spyOn(prototype, 'query').mockImplementation(noting(query))
  // The embedded database has a way of its own into its transactions.
  const { begin } = PreparedPGlite.prototype
  const beginning = vi.spyOn(PreparedPGlite.prototype, 'begin')
  beginning.mockImplementation(async function (this: PreparedPGlite, ...args) {
    sent.push('BEGIN')
    parameters.push([])
    const begun = await begin.apply(this, args)
    return { ...begun, query: noting(begun.query) }
  })
  return statements
}
