import type { Asker } from './list-size.ts'

/** Who asks, and with what variables. */
export interface Asked {
  readonly context: Asker
  readonly variables: Readonly<Record<string, unknown>>
}

/** A number of nodes: `factor` times the size of each list, which depends on who asks. */
export interface NodeCount {
  readonly factor: number
  readonly lists: readonly ((asked: Asked) => number)[]
}

/** How many nodes that is for this request. */
export const nodesFor = (counts: readonly NodeCount[], asked: Asked): number =>
  counts.reduce(
    (sum, { factor, lists }) => sum + lists.reduce((nodes, size) => nodes * size(asked), factor),
    0,
  )
