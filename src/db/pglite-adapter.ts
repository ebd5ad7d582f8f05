import type { SqlDriverAdapterFactory, Transaction } from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import type { PreparedPGlite } from './prepared-pglite.ts'

/**
 * Prisma's way to a PGlite, with two faults of pglite-prisma-adapter 0.7 made good: it takes a
 * COMMIT that failed for one that succeeded, and sets the isolation level before the transaction
 * begins, where it has no effect.
 */
export function pgliteAdapter(pglite: PreparedPGlite): SqlDriverAdapterFactory {
  const factory = new PrismaPGlite(pglite)
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => {
      const adapter = await factory.connect()
      const startTransaction = async (isolationLevel?: string): Promise<Transaction> => {
        const { query, end } = await pglite.begin(isolationLevel)
        return Object.assign(Object.create(adapter), {
          client: { query },
          // Prisma then sends COMMIT as a statement, whose failure it sees.
          options: { usePhantomQuery: false },
          commit: async () => end(),
          rollback: async () => end(),
        })
      }
      return Object.assign(adapter, { startTransaction })
    },
  }
}
