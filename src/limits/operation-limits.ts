import { RequestError } from '../errors.ts'

/** What an operation may be at most. */
export const operationLimits = {
  depth: 12,
  aliases: 30,
  rootFields: 30,
  cost: 1_000,
  nodes: 10_000,
  nameBytes: 2 * 1024 ** 2,
} as const

const meaning: Readonly<Record<keyof typeof operationLimits, string>> = {
  depth: `is at most ${operationLimits.depth} fields deep`,
  aliases: `has at most ${operationLimits.aliases} aliases`,
  rootFields: `has at most ${operationLimits.rootFields} root fields`,
  cost: `costs at most ${operationLimits.cost}`,
  nodes: `asks for at most ${operationLimits.nodes} nodes`,
  nameBytes: `asks for at most ${operationLimits.nameBytes} bytes of names of introspection`,
}

/** What an operation is refused by that goes beyond a limit. */
export const tooComplex = (limit: keyof typeof operationLimits): RequestError =>
  new RequestError('QUERY_TOO_COMPLEX', `An operation ${meaning[limit]}.`)
