import autocannon from 'autocannon'
import type { Subject } from './subject.ts'

/** One round on one subject; times in milliseconds. */
export interface Round {
  readonly requestsPerSecond: number
  /** Processor time of the subject's process for each request. */
  readonly cpu: number
  readonly p50: number
  readonly p99: number
}

/** The subject's requests, from another one on for each connection, so that these are not in step. */
const inTurnFrom = (start: number, { bodies, headers }: Subject): autocannon.Request[] =>
  [...bodies.slice(start), ...bodies.slice(0, start)].map((body) => ({
    method: 'POST',
    headers: { ...headers },
    body,
  }))

/**
 * Sends the subject's requests over and over for `seconds`.
 *
 * @throws when any answer is not the expected one, to the byte.
 */
export async function measure(
  subject: Subject,
  connections: number,
  seconds: number,
): Promise<Round> {
  let connected = 0
  const cpuBefore = subject.cpuMs()
  const result = await autocannon({
    url: subject.url,
    setupClient: (client) => {
      const start = Math.floor((connected / connections) * subject.bodies.length)
      client.setRequests(inTurnFrom(start, subject))
      connected += 1
    },
    expectBody: subject.expected,
    connections,
    duration: seconds,
  })
  const { errors, timeouts, non2xx, mismatches } = result
  if (errors + timeouts + non2xx + mismatches > 0)
    throw new Error(
      `${subject.name}: ${errors} errors, ${timeouts} timeouts, ${non2xx} not 2xx, ` +
        `${mismatches} other answers than ${subject.expected}`,
    )
  return {
    requestsPerSecond: result.requests.total / result.duration,
    cpu: (subject.cpuMs() - cpuBefore) / result.requests.total,
    p50: result.latency.p50,
    p99: result.latency.p99,
  }
}
