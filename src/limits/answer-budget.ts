import {
  type ExecutionResult,
  GraphQLError,
  type GraphQLResolveInfo,
  OperationTypeNode,
  responsePathAsArray,
} from 'graphql'
import type { Path } from 'graphql/jsutils/Path.js'
import { RequestError } from '../errors.ts'
import { isPayloadValue } from './payload-values.ts'
import type { RequestMemory } from './request-memory.ts'
import { selectionSize } from './selection-size.ts'

interface Size {
  readonly objects: number
  readonly values: number
  readonly bytes: number
}

/** The most that one answer holds. */
export const answerLimits: Size = { objects: 10_000, values: 250_000, bytes: 8 * 1024 ** 2 }

/** The rest of a mutation's answer is left to what it says of itself, such as a new secret. */
const shareOfEntities = 7 / 8

const entityLimits: Size = {
  objects: answerLimits.objects * shareOfEntities,
  values: answerLimits.values * shareOfEntities,
  bytes: answerLimits.bytes * shareOfEntities,
}

/** An error is several objects in the answer, and takes longer to make than other fields. */
const errorSize = { objects: 10, bytes: 500 } as const

/** Fields of each part of a mutation that fail with an error each; further ones share one. */
const maxRefusedFields = 20
/** And the paths to these, in bytes. */
const maxRefusedPaths = 16_384

/** Steps of work, such as fields, before other requests get a turn of the event loop. */
const stepsPerTurn = 5_000

/** A shorter list of names is given back at once: to wait takes longer than to write it. */
const leastInTurn = 16

const told = (limit: number): string => limit.toLocaleString('en-US')

const tooLarge = new RequestError(
  'QUERY_TOO_COMPLEX',
  `An answer holds at most ${told(answerLimits.objects)} objects, ${told(answerLimits.values)} values and ${answerLimits.bytes / 1024 ** 2} MiB; ask for less at once.`,
)

/** With a path of its own the executor takes an error as it is, instead of making one for each field. */
const locatedAt = (
  { path, fieldNodes }: GraphQLResolveInfo,
  originalError: RequestError,
): GraphQLError =>
  new GraphQLError(originalError.message, {
    nodes: fieldNodes,
    path: responsePathAsArray(path),
    originalError,
  })

const rootOf = ({ prev, key }: Path): Path['key'] => (prev === undefined ? key : rootOf(prev))

const isMutation = ({ operation }: GraphQLResolveInfo): boolean =>
  operation.operation === OperationTypeNode.MUTATION

/** The length of the path to a field in JSON, as an error has it. */
const pathBytes = (path: Path | undefined): number =>
  path === undefined ? 0 : String(path.key).length + 3 + pathBytes(path.prev)

/** Text that JSON writes as it is, in one byte a character. */
const plainText = /^[ !#-[\]-~]*$/

const textBytes = (text: string): number =>
  plainText.test(text) ? text.length + 2 : Buffer.byteLength(JSON.stringify(text))

/** The length of a value in JSON; no number, boolean or instant is longer than 26. */
const leafBytes = (value: unknown): number => (typeof value === 'string' ? textBytes(value) : 26)

const addLeafBytes = (sum: number, value: unknown): number => sum + leafBytes(value) + 1

const isWithin = (size: Size, limits: Size): boolean =>
  size.objects <= limits.objects && size.values <= limits.values && size.bytes <= limits.bytes

/**
 * Counts what the answer to one operation will hold, each field before anything is done with its
 * value, and the names in an object with the object: those of what fails or is null are there too.
 * Beyond `answerLimits`, and where other requests take the memory that it would need, a
 * query fails as a whole, and of a mutation each field that is too much.
 */
export class AnswerBudget {
  readonly #memory: RequestMemory | undefined
  #reason: RequestError = tooLarge
  readonly #size = { objects: 0, values: 0, bytes: 0 }
  #bytesRead = 0
  #itemsLoaded = 0
  #refusal: GraphQLError | undefined
  /** The length of the shortest text or list that was refused: longer ones are not measured again. */
  #leastRefused = Number.POSITIVE_INFINITY
  /** By the root field of a mutation. */
  #refused: Map<unknown, { fields: number; paths: number; shared?: GraphQLError }> | undefined
  #stepsInTurn = 0
  #nextTurn: Promise<void> | undefined

  constructor(memory?: RequestMemory) {
    this.#memory = memory
  }

  /** Why nothing more is done for a query; undefined: it goes on. */
  get refusal(): GraphQLError | undefined {
    return this.#refusal
  }

  /**
   * Counts what may be long before it is read from the database.
   *
   * @throws RequestError QUERY_TOO_COMPLEX for more than an answer holds; as `RequestMemory.reserve`
   */
  countRead(bytes: number): void {
    this.#bytesRead += bytes
    if (this.#bytesRead > answerLimits.bytes || !this.#reserve(this.#bytesRead)) throw this.#reason
  }

  /**
   * Counts the items of a list before they are loaded.
   *
   * @throws RequestError QUERY_TOO_COMPLEX for more than an answer holds
   */
  countLoaded(items: number): void {
    this.#itemsLoaded += items
    if (this.#itemsLoaded > answerLimits.objects) throw this.#reason
  }

  /**
   * Counts the value of a field that leads nowhere, or a list of such values, and gives it back; a long
   * list later where other requests have waited long enough.
   * Rejects with QUERY_TOO_COMPLEX, and never throws: the executor would lose sight of other items of
   * a list, whose rejections then end the process.
   */
  admitLeaf(value: unknown, info: GraphQLResolveInfo): unknown {
    const length = typeof value === 'string' || Array.isArray(value) ? value.length : 0
    const isRefused =
      this.#refusal !== undefined || (length >= this.#leastRefused && !isPayloadValue(info))
    const fits =
      !isRefused &&
      (Array.isArray(value)
        ? this.#add(info, 0, length, value.reduce(addLeafBytes, 2))
        : this.#add(info, 0, 1, leafBytes(value)))
    if (fits)
      return Array.isArray(value) && length >= leastInTurn ? this.#inTurn(value, length) : value
    this.#leastRefused = Math.min(this.#leastRefused, length)
    return Promise.reject(this.#refuse(info))
  }

  /**
   * The same for an object or a list of objects, before anything is done for them. It is given back
   * later where other requests have waited long enough.
   */
  admitObjects(value: unknown, info: GraphQLResolveInfo): unknown {
    const count = Array.isArray(value)
      ? value.length
      : value === null || value === undefined
        ? 0
        : 1
    const { fields, nameBytes, typenames, typenameBytes } = selectionSize(info)
    const bytes = 4 + count * (nameBytes + typenameBytes + 3)
    if (!this.#add(info, count, count * typenames, bytes)) return Promise.reject(this.#refuse(info))
    return this.#inTurn(value, count * fields)
  }

  /** Waits, before so many steps of work, until other requests have had their turn of the event loop. */
  async turn(steps: number): Promise<void> {
    while (!this.#fitsIntoTurn(steps)) {
      this.#nextTurn ??= new Promise((resolve) => {
        setImmediate(() => {
          this.#nextTurn = undefined
          this.#stepsInTurn = 0
          resolve()
        })
      })
      await this.#nextTurn
    }
    this.#stepsInTurn += steps
  }

  /** Counts a field that has failed. The error to fail with: its own, or the budget's. */
  failure(error: unknown, info: GraphQLResolveInfo): unknown {
    if (error !== tooLarge && error !== this.#reason) {
      if (error === this.#refusal) return error
      const bytes = errorSize.bytes + pathBytes(info.path)
      if (this.#add(info, errorSize.objects, 0, bytes)) return error
    }
    return this.#refuse(info)
  }

  /** The answer: of a query that was refused, the one error that says so. */
  resultOf(result: ExecutionResult): ExecutionResult {
    if (this.#refusal !== undefined) {
      const { message, originalError } = this.#refusal
      return { data: null, errors: [new GraphQLError(message, { originalError })] }
    }
    return result.errors ? { ...result, errors: [...new Set(result.errors)] } : result
  }

  /** Whether it fits; then it is counted. */
  #add(info: GraphQLResolveInfo, objects: number, values: number, bytes: number): boolean {
    const size = this.#size
    size.objects += objects
    size.values += values
    size.bytes += bytes
    if (isWithin(size, entityLimits) && this.#reserve(size.bytes)) return true
    const isAdmitted = isMutation(info) ? isPayloadValue(info) : this.#reserve(size.bytes)
    if (isWithin(size, answerLimits) && isAdmitted) return true
    size.objects -= objects
    size.values -= values
    size.bytes -= bytes
    return false
  }

  #refuse(info: GraphQLResolveInfo): Error {
    if (!isMutation(info)) {
      this.#refusal ??= locatedAt(info, this.#reason)
      return this.#refusal
    }
    const root = rootOf(info.path)
    this.#refused ??= new Map()
    const refused = this.#refused.get(root) ?? { fields: 0, paths: 0 }
    this.#refused.set(root, refused)
    refused.fields += 1
    refused.paths += pathBytes(info.path)
    if (refused.fields <= maxRefusedFields && refused.paths <= maxRefusedPaths) return this.#reason
    refused.shared ??= locatedAt(info, this.#reason)
    return refused.shared
  }

  /** Whether there is memory for so many bytes. */
  #reserve(bytes: number): boolean {
    const refusal = this.#memory?.reserve(bytes)
    if (refusal !== undefined && this.#reason === tooLarge) this.#reason = refusal
    return refusal === undefined
  }

  #fitsIntoTurn(steps: number): boolean {
    return this.#stepsInTurn === 0 || this.#stepsInTurn + steps <= stepsPerTurn
  }

  /** Gives a value back, before so many steps of work with it, at once or in a later turn. */
  #inTurn(value: unknown, steps: number): unknown {
    if (!this.#fitsIntoTurn(steps)) return this.#later(value, steps)
    this.#stepsInTurn += steps
    return value
  }

  async #later(value: unknown, steps: number): Promise<unknown> {
    await this.turn(steps)
    if (this.#refusal !== undefined) throw this.#refusal
    return value
  }
}
