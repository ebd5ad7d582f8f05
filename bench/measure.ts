import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import { freshId, type Request } from './request.ts'
import type { Server } from './server.ts'
import { isData, type Subject, send } from './subject.ts'

/** One round on one subject; times in milliseconds. */
export interface Round {
  readonly requestsPerSecond: number
  /** Processor time of the server's process for each request. */
  readonly cpu: number
  readonly p50: number
  readonly p99: number
}

/** How many requests of each list were sent: a round goes on where the one before ended. */
const sent = new WeakMap<readonly Request[], number>()

/** The requests of one connection: its share, or where there are fewer than connections all of them. */
function shareOf(requests: readonly Request[], index: number, connections: number): Request[] {
  const isFew = requests.length < connections
  const share = isFew ? requests : requests.filter((_, i) => i % connections === index)
  const start = isFew ? index : Math.floor((sent.get(requests) ?? 0) / connections)
  const first = start % share.length
  return [...share.slice(first), ...share.slice(0, first)]
}

/**
 * Waits until the server has done what it was asked last: of a slow subject requests are left when the
 * load ends, and the next round is not to wait for them.
 */
async function settle({ server, requests }: Subject): Promise<void> {
  for (const request of requests.slice(0, 1)) await send(server, request)
  let before: number
  do {
    before = server.cpuMs()
    await sleep(200)
  } while (server.cpuMs() - before > 20)
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

/**
 * Sends the subject's requests over and over for `seconds`.
 *
 * @throws when any answer is not the expected one: its status, and its body to the byte
 */
export async function measure(
  subject: Subject,
  connections: number,
  seconds: number,
): Promise<Round> {
  const { name, server, requests, expected } = subject
  let connected = 0
  const cpuBefore = server.cpuMs()
  const result = await autocannon({
    url: server.origin,
    setupClient: (client) => {
      const share = shareOf(requests, connected, connections)
      client.setRequests(share.map((request) => ({ ...request, headers: { ...request.headers } })))
      connected += 1
    },
    ...(expected.body !== '' && { expectBody: expected.body }),
    idReplacement: requests.some(({ body }) => body?.includes(freshId)),
    connections,
    duration: seconds,
  })
  const total = result.requests.total
  sent.set(requests, (sent.get(requests) ?? 0) + total)
  const { errors, timeouts, mismatches, statusCodeStats = {} } = result
  const others = Object.entries(statusCodeStats).filter(
    ([code]) => Number(code) !== expected.status,
  )
  const otherCount = sum(others.map(([, { count = 0 }]) => count))
  if (errors + timeouts + mismatches + otherCount > 0)
    throw new Error(
      `${name}: ${errors} errors, ${timeouts} timeouts, ${otherCount} answers with status ` +
        `${others.map(([code]) => code)} and ${mismatches} with another body, ` +
        `instead of ${expected.status} ${expected.body}`,
    )
  const cpu = (server.cpuMs() - cpuBefore) / total
  await settle(subject)
  return {
    requestsPerSecond: total / result.duration,
    cpu,
    p50: result.latency.p50,
    p99: result.latency.p99,
  }
}

/**
 * Sends each of the operations once, one after another.
 *
 * @throws when any answer is not data without errors
 */
export async function measureOnce(
  server: Server,
  requests: readonly Request[],
): Promise<{ readonly round: Round; readonly bodies: readonly string[] }> {
  const bodies: string[] = []
  const times: number[] = []
  const cpuBefore = server.cpuMs()
  for (const request of requests) {
    const start = performance.now()
    const answer = await send(server, request)
    times.push(performance.now() - start)
    if (!isData(answer)) throw new Error(`answered ${answer.status}: ${answer.body}`)
    bodies.push(answer.body)
  }
  const cpu = (server.cpuMs() - cpuBefore) / requests.length
  const sorted = times.toSorted((a, b) => a - b)
  const quantile = (part: number): number => sorted[Math.floor(part * sorted.length)] ?? Number.NaN
  const requestsPerSecond = (1_000 * requests.length) / sum(times)
  return { round: { requestsPerSecond, cpu, p50: quantile(0.5), p99: quantile(0.99) }, bodies }
}
