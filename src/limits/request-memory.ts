import { RequestError, serviceUnavailable } from '../errors.ts'

const mebibyte = 1024 ** 2

/** Bytes of bodies that are being read or used, and of answers that are being made or wait to be read. */
export const memoryLimits = {
  /** A body or an answer of no more than this is never refused. */
  free: 65_536,
  /** Who holds no more is refused because of others. */
  ofRequest: 9 * mebibyte,
  ofServer: 96 * mebibyte,
} as const

const retryAfterSeconds = 5

const tooMuchOfCaller = (): RequestError =>
  new RequestError(
    'RATE_LIMITED',
    `Other requests of yours hold too much memory: send their bodies to the end and read their answers, or try again in ${retryAfterSeconds} s.`,
    { retryAfterSeconds },
  )

const inSteps = (bytes: number): number => Math.ceil(bytes / memoryLimits.free) * memoryLimits.free

/** The memory of one request: its body until there is an answer, the answer until its client has read it. */
export class RequestMemory {
  readonly #all: ServerMemory
  #caller = ''
  #ofBody = 0
  #bytes = 0
  #isRefused = false

  constructor(all: ServerMemory) {
    this.#all = all
  }

  /** Whether an answer was refused: its client has left others unread, and may leave the refusal unread too. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Names the caller by whose requests it counts; until then it is nobody's. */
  assignTo(caller: string): void {
    this.#all.add(this.#caller, -this.#bytes)
    this.#caller = caller
    this.#all.add(caller, this.#bytes)
  }

  /**
   * Counts that the body has so many bytes, in steps of `free`.
   *
   * @returns why it must not: RATE_LIMITED beyond what a caller may hold, SERVICE_UNAVAILABLE where
   *   others are the reason; then it is not counted
   */
  holdBody(bytes: number): RequestError | undefined {
    const refusal = this.#grow(inSteps(bytes), bytes)
    if (refusal === undefined) this.#ofBody = this.#bytes
    return refusal
  }

  /** The same for what the answer will have at least. */
  reserve(bytes: number): RequestError | undefined {
    const refusal = this.#grow(this.#ofBody + inSteps(bytes), bytes)
    if (refusal !== undefined) this.#isRefused = true
    return refusal
  }

  /** Counts the answer by its size, which is known now, and the body no more; 0 once it has been read. */
  set(bytes: number): void {
    this.#ofBody = 0
    this.#all.add(this.#caller, bytes - this.#bytes)
    this.#bytes = bytes
  }

  #grow(to: number, ofPart: number): RequestError | undefined {
    const more = to - this.#bytes
    if (more <= 0) return undefined
    const refusal = ofPart > memoryLimits.free ? this.#all.refusalOf(this.#caller, more) : undefined
    if (refusal !== undefined) return refusal
    this.#all.add(this.#caller, more)
    this.#bytes = to
    return undefined
  }
}

/** The memory of all requests of a server. */
export class ServerMemory {
  readonly #byCaller = new Map<string, number>()
  #bytes = 0

  begin(): RequestMemory {
    return new RequestMemory(this)
  }

  add(caller: string, bytes: number): void {
    if (bytes === 0) return
    this.#bytes += bytes
    const ofCaller = (this.#byCaller.get(caller) ?? 0) + bytes
    if (ofCaller === 0) this.#byCaller.delete(caller)
    else this.#byCaller.set(caller, ofCaller)
  }

  /**
   * Why there must not be so many bytes more of this caller. A caller holds a third of what others
   * leave at most, so that those who take what they can leave something to the next caller.
   */
  refusalOf(caller: string, bytes: number): RequestError | undefined {
    const held = this.#byCaller.get(caller) ?? 0
    const others = this.#bytes - held
    if (held + bytes <= (memoryLimits.ofServer - others) / 3) return undefined
    return held + bytes > memoryLimits.ofRequest
      ? tooMuchOfCaller()
      : serviceUnavailable(new Error(`requests hold ${this.#bytes} bytes of memory`))
  }
}
