import { cpus } from 'node:os'
import { growth } from './growth.ts'
import { mutations } from './mutations.ts'
import { besidePostgraphile } from './nested.ts'
import { besideStock } from './stock.ts'
import { tokenBesideKey } from './token.ts'
import { verification } from './verify.ts'

/** Each with the number of connections that it is made with, unless set otherwise. */
const comparisons = {
  stock: { compare: besideStock, connections: 32 },
  token: { compare: tokenBesideKey, connections: 32 },
  verify: { compare: verification, connections: 16 },
  growth: { compare: growth, connections: 4 },
  nested: { compare: besidePostgraphile, connections: 16 },
  mutations: { compare: mutations, connections: 16 },
}

const setting = (name: string, byDefault: number): number => Number(process.env[name] || byDefault)

/**
 * Measures one comparison, or all of them, and prints the results. Settings: see README.md.
 *
 * @throws for the name of none
 */
export async function measureComparisons(name: string | undefined): Promise<void> {
  const chosen = Object.entries(comparisons).filter(([one]) => name === undefined || one === name)
  if (chosen.length === 0)
    throw new Error(`expected one of ${Object.keys(comparisons).join(', ')}, not ${name}`)
  const rounds = setting('BENCH_ROUNDS', 5)
  const seconds = setting('BENCH_SECONDS', 8)
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ` +
      `${rounds} rounds of ${seconds} s each\n`,
  )
  for (const [, comparison] of chosen)
    await comparison.compare({
      rounds,
      seconds,
      connections: setting('BENCH_CONNECTIONS', comparison.connections),
    })
}
