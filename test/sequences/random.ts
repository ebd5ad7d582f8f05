/** Choices that a seed determines. */
export interface Random {
  /** A whole number from 0 to below `end`. */
  below(end: number): number
  chance(probability: number): boolean
  /** One of the items; undefined where there is none. */
  pick<T>(items: readonly T[]): T | undefined
  /** Each of the items with that probability. */
  some<T>(items: readonly T[], probability?: number): T[]
}

/** The generator mulberry32: 32 bits of state, good enough to choose steps. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  const chance = (probability: number): boolean => next() < probability
  return {
    below,
    chance,
    pick: (items) => items[below(items.length)],
    some: (items, probability = 0.5) => items.filter(() => chance(probability)),
  }
}
