import { RequestError, serviceUnavailable } from '../errors.ts'

const mebibyte = 1024 ** 2

/** Bytes of answers that are being made or wait to be read. */
export const unreadLimits = {
  /** An answer of no more than this is never refused. */
  freeOfAnswer: 65_536,
  ofCaller: 32 * mebibyte,
  ofServer: 96 * mebibyte,
} as const

const retryAfterSeconds = 5

const tooMuchOfCaller = (): RequestError =>
  new RequestError(
    'RATE_LIMITED',
    `Too much of earlier answers is still to be read; read it, or try again in ${retryAfterSeconds} s.`,
    { retryAfterSeconds },
  )

/** The memory of one answer, from its first values until its client has read it. */
export class UnreadAnswer {
  readonly #all: UnreadAnswers
  #caller = ''
  #bytes = 0
  #isRefused = false

  constructor(all: UnreadAnswers) {
    this.#all = all
  }

  /** Whether it was refused: its client has left others unread, and may leave the refusal unread too. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /** Names the caller by whose answers it counts; until then it is nobody's. */
  assignTo(caller: string): void {
    this.#all.add(this.#caller, -this.#bytes)
    this.#caller = caller
    this.#all.add(caller, this.#bytes)
  }

  /**
   * Counts that the answer will have so many bytes at least, in steps of `freeOfAnswer`.
   *
   * @returns why it must not: RATE_LIMITED beyond what a caller may leave unread, SERVICE_UNAVAILABLE
   *   beyond what a server holds; then it is not counted
   */
  reserve(bytes: number): RequestError | undefined {
    if (bytes <= this.#bytes) return undefined
    const { freeOfAnswer } = unreadLimits
    const counted = Math.ceil(bytes / freeOfAnswer) * freeOfAnswer
    const refusal =
      counted > freeOfAnswer ? this.#all.refusalOf(this.#caller, counted - this.#bytes) : undefined
    if (refusal === undefined) this.set(counted)
    else this.#isRefused = true
    return refusal
  }

  /** Counts it by its size, which is known now; 0 once it has been read. */
  set(bytes: number): void {
    this.#all.add(this.#caller, bytes - this.#bytes)
    this.#bytes = bytes
  }
}

/** The memory of all answers of a server that are being made or wait to be read. */
export class UnreadAnswers {
  readonly #byCaller = new Map<string, number>()
  #bytes = 0

  begin(): UnreadAnswer {
    return new UnreadAnswer(this)
  }

  add(caller: string, bytes: number): void {
    if (bytes === 0) return
    this.#bytes += bytes
    const ofCaller = (this.#byCaller.get(caller) ?? 0) + bytes
    if (ofCaller === 0) this.#byCaller.delete(caller)
    else this.#byCaller.set(caller, ofCaller)
  }

  /** Why there must not be so many bytes more of this caller. */
  refusalOf(caller: string, bytes: number): RequestError | undefined {
    const ofCaller = this.#byCaller.get(caller) ?? 0
    if (ofCaller + bytes > unreadLimits.ofCaller) return tooMuchOfCaller()
    return this.#bytes + bytes > unreadLimits.ofServer
      ? serviceUnavailable(new Error(`${this.#bytes} bytes of answers are unread`))
      : undefined
  }
}
