import { longestTurn } from './longest-turn.ts'
import { processorTime } from './processor-time.ts'

/** What one request may take, in milliseconds of processor: in all, and between two turns of the event loop. */
export const mostOfRequest = { all: 2_000, hold: 250 } as const

/** A busy machine makes any work take longer at times: what is too long must be so each time. */
const tries = 10

/** The least that the work took, in all and between two turns, repeated while it is more than it may take. */
export async function leastOfRequest<T>(
  work: () => Promise<T>,
  most: { readonly all: number; readonly hold: number } = mostOfRequest,
): Promise<{ readonly value: T; readonly all: number; readonly hold: number }> {
  let least = { all: Number.POSITIVE_INFINITY, hold: Number.POSITIVE_INFINITY }
  for (let tried = 1; ; tried += 1) {
    const { value, ms } = await longestTurn(() => processorTime(work))
    least = { all: Math.min(least.all, value.ms), hold: Math.min(least.hold, ms) }
    const isShort = least.all < most.all && least.hold < most.hold
    if (isShort || tried === tries) return { ...least, value: value.value }
  }
}
