import { expect } from 'vitest'
import { operationLimits } from '../../src/limits/operation-limits.ts'
import type { World } from './world.ts'

/**
 * Runs any number of root fields, as many at a time as one operation may have, and gives all that
 * came of them. None may fail.
 */
export async function inParts(
  world: World,
  secret: string,
  operation: 'query' | 'mutation',
  fields: readonly string[],
): Promise<any> {
  const all = {}
  for (let from = 0; from < fields.length; from += operationLimits.rootFields) {
    const part = fields.slice(from, from + operationLimits.rootFields).join('\n')
    const { data, errors } = await world.gql(secret, `${operation} { ${part} }`)
    expect(errors).toEqual([])
    Object.assign(all, data)
  }
  return all
}
