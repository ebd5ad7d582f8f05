import type { PGlite } from '@electric-sql/pglite'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'

/**
 * Prisma's way to a PGlite, with two faults of pglite-prisma-adapter 0.7 made good: it takes a
 * COMMIT that failed for one that succeeded, and sets the isolation level before the transaction
 * begins, where it has no effect.
 */
export function pgliteAdapter(pglite: PGlite): SqlDriverAdapterFactory {
  const factory = new PrismaPGlite(pglite)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => {
      const adapter = await factory.connect()
      const begin = adapter.startTransaction.bind(adapter)
      return Object.assign(adapter, {
        startTransaction: async (level?: Parameters<typeof begin>[0]) => {
          const transaction = await begin()
          if (level) {
            const sql = `SET TRANSACTION ISOLATION LEVEL ${level}`
            await transaction.executeRaw({ sql, args: [], argTypes: [] }).catch(async (error) => {
              await transaction.rollback()
              throw error
            })
          }
          // Prisma then sends COMMIT as a statement, whose failure it sees. PGlite's own comes after
          // it and finds no transaction, which is a notice.
          return Object.assign(transaction, { options: { usePhantomQuery: false } })
        },
      })
    },
  }
}
